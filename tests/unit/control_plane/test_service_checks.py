"""Who waits for a check's report, and for which."""

import asyncio

import pytest

from domicile.boundary.audit import ServiceCheck
from domicile.boundary.outside_services import CheckOutcome
from domicile.control_plane import service_checks
from domicile.control_plane.service_checks import Check, CheckReports, next_check

ORGANIZATION = "org-" + "A" * 24
KEY, OTHER = "extkey_" + "A" * 24, "extkey_" + "B" * 24


def report(check: int, service_id: str = KEY) -> ServiceCheck:
    return ServiceCheck(service_id, check, CheckOutcome.USABLE)


async def test_a_report_on_the_check_before_ends_no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives while the next check is being asked for."""
    monkeypatch.setattr(service_checks, "PATIENCE_S", 600.0)
    reports = CheckReports()
    with reports.awaited(ORGANIZATION, KEY) as awaited:
        for other in (report(1), report(9, OTHER)):
            reports.arrived(other)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await awaited.wait_for(2)
        waiting = asyncio.create_task(awaited.wait_for(2))
        reports.arrived(report(2))
        await waiting


async def test_a_report_on_a_later_check_ends_the_wait_for_an_earlier_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_checks, "PATIENCE_S", 600.0)
    reports = CheckReports()
    with reports.awaited(ORGANIZATION, KEY) as first, reports.awaited(ORGANIZATION, KEY) as second:
        reports.arrived(report(3))
        await asyncio.gather(first.wait_for(2), second.wait_for(3))


def test_the_next_check_has_a_number_that_is_new_after_a_restore() -> None:
    assert next_check(Check(1, CheckOutcome.USABLE, 5), 9_000) == Check(9, None, 5)
    assert next_check(Check(9), 9_000) == Check(10)
