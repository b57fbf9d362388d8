"""Checks of customers' keys and buckets: the control plane asks for one by its number, and the region reports what it found.

A new number is published with the record. A region tries a record once for each number that it has not seen. Until its report
arrives the check is pending, and a report of an earlier number changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Table, literal, select, update

from domicile.boundary.audit import ServiceCheck
from domicile.boundary.outside_services import CheckOutcome
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing

PATIENCE_S = 10.0
"""The longest time, in seconds, that a caller waits for the region's report."""

MAX_WAITING = 8
"""Callers of one organization that wait at the same time."""

FIRST_CHECK = 1


@dataclass(frozen=True, slots=True)
class Check:
    """The last check of a record. `outcome`: None until the region reports it."""

    number: int = FIRST_CHECK
    outcome: CheckOutcome | None = None
    reported_at_ms: int | None = None

    @property
    def is_usable(self) -> bool:
        """Whether the region could use the key or the bucket."""
        return self.outcome is CheckOutcome.USABLE


@dataclass(frozen=True, slots=True)
class CheckedService:
    """The record that a report is about."""

    id: str
    organization_id: str
    project_id: str | None
    """Set for an external storage."""


class AwaitedReport:
    """A caller's wait for the report on one service."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._news = asyncio.Event()
        self._newest = 0

    def arrived(self, check: int) -> None:
        """Notes the report on this check."""
        self._newest = max(self._newest, check)
        self._news.set()

    async def wait_for(self, check: int) -> None:
        """Returns when the report on this check or a later one has arrived, or when the caller's patience is over.

        A report on the check before may arrive while this one is being asked for.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while self._newest < check:
                    self._news.clear()
                    await self._news.wait()


class CheckReports:
    """Wakes the callers that wait for a check's report. They wait in the same process that takes in the reports."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[AwaitedReport]] = {}
        self._callers: Counter[str] = Counter()

    @contextmanager
    def awaited(self, organization_id: str, service_id: str) -> Iterator[AwaitedReport]:
        """The next reports on the service. Enter before the check is published, so that no report is missed.

        A caller beyond the organization's `MAX_WAITING` does not wait: its request must not occupy a connection.
        """
        report = AwaitedReport(PATIENCE_S if self._callers[organization_id] < MAX_WAITING else 0)
        self._waiting.setdefault(service_id, set()).add(report)
        self._callers[organization_id] += 1
        try:
            yield report
        finally:
            self._callers -= Counter({organization_id: 1})
            self._waiting[service_id].discard(report)
            if not self._waiting[service_id]:
                del self._waiting[service_id]

    def arrived(self, found: ServiceCheck) -> None:
        """Wakes the callers that wait for this report. Call it after the report is committed."""
        for report in self._waiting.get(found.service_id, ()):
            report.arrived(found.check)


def check_values(check: Check) -> dict[str, Any]:
    """The columns of a check."""
    return {"check_number": check.number, "outcome": check.outcome, "checked_at_ms": check.reported_at_ms}


def check_of(row: Row[*tuple[Any, ...]]) -> Check:
    """The check in a row's columns."""
    return Check(row.check_number, None if row.outcome is None else CheckOutcome(row.outcome), row.checked_at_ms)


def next_check(check: Check, now_ms: int) -> Check:
    """A new check. It keeps the time of the last report.

    Its number is the time in seconds, at least one more than the last: so it is new to the region also when this database was
    restored from a backup, and has lost the numbers since.
    """
    return Check(max(check.number + 1, now_ms // 1000), None, check.reported_at_ms)


async def record_check(
    writing: Writing, table: Table, region: str, found: ServiceCheck, at_ms: int
) -> CheckedService | None:
    """Stores a region's report in `external_key` or `external_storage`. Returns the record; None if nothing changes.

    Only the first report of the last check that was asked for counts, and only from the record's own region.
    """
    service = await _find(writing, table, region, found.service_id)
    if service is None:
        return None
    pending = (table.c.id == service.id, table.c.check_number == found.check, table.c.outcome.is_(None))
    values = {"outcome": found.outcome, "checked_at_ms": at_ms}
    changed = await writing.execute(update(table).where(*pending).values(**values))
    return service if changed else None


async def _find(reading: Reading, table: Table, region: str, service_id: str) -> CheckedService | None:
    """The record, if it belongs to this region and has not been removed."""
    if table is tables.external_key:
        query = select(table.c.organization_id, literal(None).label("project_id")).where(table.c.region == region)
    else:
        project = tables.project
        query = (
            select(table.c.organization_id, table.c.project_id)
            .join(project, project.c.id == table.c.project_id)
            .where(project.c.region == region)
        )
    row = await reading.first(query.where(table.c.id == service_id, table.c.deleted_at_ms.is_(None)))
    return None if row is None else CheckedService(service_id, row.organization_id, row.project_id)
