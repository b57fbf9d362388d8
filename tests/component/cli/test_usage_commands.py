"""`domicile usage`: what differs between ledgers and the control plane, and costs as files."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from domicile.cli import focus
from tests.component.cli.conftest import OPERATOR_KEY, Domicile, Stub
from tests.component.cli.test_commands import REGION, page

USAGE, COSTS, LOGS = (f"/operator/v1/{name}" for name in ("usage", "costs", "audit_logs"))
DAY = "2026-01-05"
SUMS = {"project_id": "proj_1", "model": "gpt-4", "requests": 3, "input_tokens": 10}
LINE = {
    "organization_id": "org-1",
    "project_id": "proj_1",
    "region": "eu",
    "model": "whisper-1",
    "line_item": "whisper-1, audio",
    "quantity": 1500,
    "quantity_unit": "milliseconds",
    "femtodollars": 150_000_000_000,
}


@pytest.fixture(autouse=True)
def region(data: Path, stub: Stub) -> None:
    """The region's operator listener is the same stub."""
    (data / "eu").mkdir()
    (data / "eu" / "operator-url").write_text(stub.url)
    (data / "eu" / "operator-key").write_text("opk-region\n")


def ledger(*sums: dict[str, Any], **members: int) -> dict[str, Any]:
    return {"data": sums, "unreported_entries": 0, "waiting_reports": 0, "refused_reports": 0, **members}


def test_ledgers_that_agree(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", "/operator/v1/regions", page(REGION))
    stub.answer("GET", USAGE, ledger(SUMS))
    stub.answer("GET", USAGE, {"data": [{"region": "eu", **SUMS}]})
    stub.answer("GET", LOGS, page())
    shown = domicile("usage", "reconcile", "--day", DAY)
    assert (shown.status, shown.err) == (0, "")
    assert "agree" in shown.out
    _, there, here, gaps = stub.calls
    assert (there.key, there.query) == ("opk-region", {"day": DAY})
    assert (here.key, here.query) == (OPERATOR_KEY, {"day": DAY, "region": "eu"})
    assert gaps.query == {
        "limit": "100",
        "event_types[]": "region.metering_gap",
        "effective_at[gte]": "1767571200",
        "effective_at[lt]": "1767657600",
    }


def test_every_difference_is_shown_and_fails(domicile: Domicile, stub: Stub) -> None:
    stub.answer("GET", USAGE, ledger(SUMS, unreported_entries=2, waiting_reports=1, refused_reports=4))
    stub.answer("GET", USAGE, {"data": [SUMS | {"requests": 2}, SUMS | {"model": "gpt-5"}]})
    gap = {"region": "eu", "effective_at": 1767571260}
    stub.answer("GET", LOGS, page(gap, gap | {"region": "us"}))
    shown = domicile("usage", "reconcile", "--day", DAY, "--region", "eu", "--json")
    assert shown.status == 1
    assert '"model": "gpt-5"' in shown.out
    assert shown.out.count('"quantity"') == 3
    assert "3 sums differ" in shown.err
    assert "Region eu: 2 entries are not reported yet, and 1 reports are on their way" in shown.err
    assert "refused 4 reports" in shown.err
    assert "Region eu: a process was killed before 2026-01-05 00:01 UTC" in shown.err
    assert "Region us" not in shown.err


@pytest.mark.parametrize("arguments", [("--month", "2026"), ("--month", "9999-01"), ("--day", "today")])
def test_a_time_that_is_none(domicile: Domicile, stub: Stub, arguments: tuple[str, str]) -> None:
    shown = domicile("usage", "reconcile", "--region", "eu", *arguments)
    assert shown.status == 2
    assert stub.calls == []


def exported(domicile: Domicile, stub: Stub, *arguments: str) -> list[dict[str, str]]:
    for day in range(1, 32):
        stub.answer("GET", COSTS, {"data": [LINE] if day == 5 else []})
    shown = domicile("usage", "export", "--month", "2026-01", *arguments)
    assert shown.status == 0, shown.err
    return list(csv.DictReader(io.StringIO(shown.out)))


def test_a_month_is_exported_as_csv(domicile: Domicile, stub: Stub, data: Path) -> None:
    (row,) = exported(domicile, stub, "--organization", "org-1")
    assert row == {
        "day": "2026-01-05",
        "organization_id": "org-1",
        "project_id": "proj_1",
        "region": "eu",
        "model": "whisper-1",
        "line_item": "whisper-1, audio",
        "quantity": "1500",
        "quantity_unit": "milliseconds",
        "amount_usd": "0.000150000000000",
    }
    assert [call.query["day"] for call in stub.calls][::30] == ["2026-01-01", "2026-01-31"]
    assert {call.query["organization_id"] for call in stub.calls} == {"org-1"}
    file = data / "costs.csv"
    assert exported(domicile, stub, "--output", str(file)) == []
    assert file.read_text().count("\n") == 2
    again = domicile("usage", "export", "--output", str(file))
    assert again.status == 1
    assert "exists already" in again.err


def test_a_month_is_exported_in_focus_columns(domicile: Domicile, stub: Stub) -> None:
    (row,) = exported(domicile, stub, "--focus")
    assert tuple(row) == focus.COLUMNS
    for name, value in {
        "BilledCost": "0.000150000000000",
        "BillingAccountId": "org-1",
        "BillingAccountName": "",
        "BillingPeriodStart": "2026-01-01T00:00:00Z",
        "BillingPeriodEnd": "2026-02-01T00:00:00Z",
        "ChargePeriodStart": "2026-01-05T00:00:00Z",
        "ChargePeriodEnd": "2026-01-06T00:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "PricingQuantity": "1.5",
        "PricingUnit": "Seconds",
        "RegionId": "eu",
        "SubAccountId": "proj_1",
    }.items():
        assert row[name] == value, name


def test_focus_has_its_mandatory_columns() -> None:
    """Of version 1.2 of the specification."""
    assert set(focus.COLUMNS) >= {
        *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
        *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd"),
        *("ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity"),
        *("PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName"),
    }


def test_units_are_a_recurring_purchase_in_focus(domicile: Domicile, stub: Stub) -> None:
    units = LINE | {
        "line_item": "scale tier | gpt-4, units",
        "quantity": 6 * 43_200_000,
        "quantity_unit": "unit_milliseconds",
    }
    for day in range(1, 32):
        stub.answer("GET", COSTS, {"data": [units] if day == 5 else []})
    shown = domicile("usage", "export", "--month", "2026-01", "--focus")
    (row,) = csv.DictReader(io.StringIO(shown.out))
    assert (row["ChargeCategory"], row["ChargeFrequency"]) == ("Purchase", "Recurring")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("", "")
    assert (row["PricingQuantity"], row["PricingUnit"]) == ("3", "Unit-Days")
