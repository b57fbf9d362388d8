"""Costs in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification): its mandatory ones, and some that say more."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from domicile.cli.output import Object

_PROVIDER = "Domicile"
_UNITS = {"tokens": "Tokens", "characters": "Characters", "milliseconds": "Seconds", "images": "Images"}

COLUMNS = (
    *(
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
    ),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost"),
    *("PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId", "RegionName"),
    *("ServiceCategory", "ServiceName", "ServiceSubcategory", "SkuId", "SubAccountId"),
)


def plain_amount(femtodollars: int) -> str:
    """The exact amount in dollars, without an exponent."""
    return f"{Decimal(femtodollars).scaleb(-15):f}"


def focus_row(day: date, line: Object) -> list[str]:
    """One charge of one day. Null is an empty field."""
    amount = plain_amount(line["femtodollars"])
    quantity = _quantity(line)
    month = day.replace(day=1)
    values: dict[str, Any] = {
        "BilledCost": amount,
        "BillingAccountId": line["organization_id"],
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _moment((month + timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _moment(month),
        "ChargeCategory": "Usage",
        "ChargeDescription": line["line_item"],
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _moment(day + timedelta(days=1)),
        "ChargePeriodStart": _moment(day),
        "ConsumedQuantity": quantity,
        "ConsumedUnit": _UNITS[line["quantity_unit"]],
        "ContractedCost": amount,
        "EffectiveCost": amount,
        "InvoiceIssuerName": _PROVIDER,
        "ListCost": amount,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": _UNITS[line["quantity_unit"]],
        "ProviderName": _PROVIDER,
        "PublisherName": _PROVIDER,
        "RegionId": line["region"],
        "RegionName": line["region"],
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": _PROVIDER,
        "ServiceSubcategory": "Generative AI",
        "SkuId": line["line_item"],
        "SubAccountId": line["project_id"],
    }
    return [str(values.get(name, "")) for name in COLUMNS]


def _quantity(line: Object) -> str:
    is_time = line["quantity_unit"] == "milliseconds"
    return f"{Decimal(line['quantity']).scaleb(-3 if is_time else 0):f}"


def _moment(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
