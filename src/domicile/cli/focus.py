"""Costs in the columns of FOCUS 1.2 (FinOps Open Cost and Usage Specification): its mandatory ones, and some that say more."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from domicile.cli.output import Object

_PROVIDER = "Domicile"
_UNITS = {
    "tokens": ("Tokens", Decimal(1)),
    "characters": ("Characters", Decimal(1)),
    "milliseconds": ("Seconds", Decimal(1000)),
    "images": ("Images", Decimal(1)),
    "unit_milliseconds": ("Unit-Days", Decimal(86_400_000)),
}
"""FOCUS's names of the quantities' units, and how many of ours they are."""

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
    unit, scale = _UNITS[line["quantity_unit"]]
    quantity = f"{(line['quantity'] / scale).quantize(Decimal('0.000001')).normalize():f}"
    is_fixed = line["quantity_unit"] == "unit_milliseconds"
    month = day.replace(day=1)
    values: dict[str, Any] = {
        "BilledCost": amount,
        "BillingAccountId": line["organization_id"],
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _moment((month + timedelta(days=32)).replace(day=1)),
        "BillingPeriodStart": _moment(month),
        "ChargeCategory": "Purchase" if is_fixed else "Usage",
        "ChargeDescription": line["line_item"],
        "ChargeFrequency": "Recurring" if is_fixed else "Usage-Based",
        "ChargePeriodEnd": _moment(day + timedelta(days=1)),
        "ChargePeriodStart": _moment(day),
        "ConsumedQuantity": "" if is_fixed else quantity,
        "ConsumedUnit": "" if is_fixed else unit,
        "ContractedCost": amount,
        "EffectiveCost": amount,
        "InvoiceIssuerName": _PROVIDER,
        "ListCost": amount,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": unit,
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


def _moment(day: date) -> str:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
