"""Reads the audit log, and takes in the regions' reports about themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table

from domicile.boundary.audit import AuditReport, RegionEvent, RegionEventType, ServiceCheck
from domicile.control_plane.audit.repository import AuditRow, Event, find_sequence, insert_event, list_events
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader, Writing
from domicile.control_plane.deletion_records import record_destroyed
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.control_plane.reports import receive, require_own
from domicile.control_plane.service_checks import CheckReports, record_check
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

_CHECKED: Mapping[RegionEventType, Table] = {
    RegionEventType.EXTERNAL_KEY_CHECKED: tables.external_key,
    RegionEventType.EXTERNAL_STORAGE_CHECKED: tables.external_storage,
}
"""Events that carry a check, and the table of the checked records."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The filter of an audit query. An empty list filters nothing; times are Unix seconds."""

    limit: int
    after: str | None
    before: str | None
    earliest: int | None
    """Inclusive."""
    latest: int | None
    """Inclusive."""
    project_ids: list[str]
    kinds: set[str] | None
    """None: every kind."""
    actor_ids: list[str]
    resource_ids: list[str]


class AuditLog:
    """The audit log. An admin reads the organization's events; the operator reads all."""

    def __init__(self, reader: Reader, database: Database, checks: CheckReports, clock: Clock) -> None:
        self._reader = reader
        self._database = database
        self._checks = checks
        self._clock = clock

    async def page(self, principal: Administrator | Operator, wanted: AuditFilter) -> tuple[list[AuditRow], bool]:
        """One page of events, newest first, and whether more follow in the direction of reading.

        Raises 400 for a cursor that is not an event of the principal's log.
        """
        conditions = _conditions(wanted)
        visible = _visible(principal)
        if visible is not None:
            conditions.append(visible)
        table = tables.audit_event
        async with self._reader.reading(principal) as reading:
            for name, cursor in (("after", wanted.after), ("before", wanted.before)):
                if cursor is None:
                    continue
                edge = await find_sequence(reading, cursor, visible)
                if edge is None:
                    raise errors.invalid_value(f"'{name}' must be the id of an event of this log.", name)
                conditions.append(table.c.sequence < edge if name == "after" else table.c.sequence > edge)
            # With `before` alone, the page ends next to that event: read upwards from it, then show the newest first.
            upwards = wanted.before is not None and wanted.after is None
            rows = await list_events(reading, conditions, oldest_first=upwards, limit=wanted.limit + 1)
        page = rows[: wanted.limit]
        return page[::-1] if upwards else page, len(rows) > wanted.limit

    async def ingest(self, region: EnrolledRegion, report: AuditReport) -> bool:
        """Stores all events of the report or none. Returns whether the report is new."""
        require_own(region, report)
        checked: list[ServiceCheck] = []
        async with self._database.transaction(rows_of=region.rows_of) as connection:
            writing = await receive(connection, report, self._clock.now_ms())
            if writing is None:
                return False
            for reported in report.events:
                event = await self._take_in(writing, region, report, reported)
                if event is not None:
                    await insert_event(writing, region, event, reported.at_ms)
                    if reported.service_check is not None:
                        checked.append(reported.service_check)
        for found in checked:
            self._checks.arrived(found)
        return True

    async def _take_in(
        self, writing: Writing, region: EnrolledRegion, report: AuditReport, reported: RegionEvent
    ) -> Event | None:
        """Stores what the event changes, and returns its audit row. None for an event that changes nothing."""
        data: dict[str, Any] = {"epoch": reported.epoch, "number": reported.number, "writer": report.writer}
        if reported.type is RegionEventType.PROJECT_DESTROYED and reported.project_id is not None:
            project_id, exports = reported.project_id, reported.exports
            organization_id = await record_destroyed(
                writing, region.code, project_id, at_ms=reported.at_ms, exports=exports, now_ms=self._clock.now_ms()
            )
            if organization_id is None:
                # Each replica of the region reports this event; one record is enough.
                return None
            detail = {"data": {**data, "exports": exports}}
            return Event(reported.type, project_id, organization_id, project_id, report.region, detail=detail)
        if reported.type in _CHECKED and reported.service_check is not None:
            found = reported.service_check
            service = await record_check(writing, _CHECKED[reported.type], region.code, found, reported.at_ms)
            if service is None:
                return None
            detail = {"data": {**data, "check": found.check, "outcome": found.outcome}}
            return Event(
                reported.type, service.id, service.organization_id, service.project_id, report.region, detail=detail
            )
        return Event(reported.type, report.region, region=report.region, detail={"data": data})


def _visible(principal: Administrator | Operator) -> ColumnElement[bool] | None:
    if isinstance(principal, Administrator):
        return tables.audit_event.c.organization_id == principal.organization_id
    return None


def _conditions(wanted: AuditFilter) -> list[ColumnElement[bool]]:
    table = tables.audit_event
    conditions: list[ColumnElement[bool]] = []
    if wanted.earliest is not None:
        conditions.append(table.c.effective_at_ms >= wanted.earliest * 1000)
    if wanted.latest is not None:
        conditions.append(table.c.effective_at_ms < (wanted.latest + 1) * 1000)
    for column, values in (
        (table.c.project_id, wanted.project_ids),
        (table.c.actor_id, wanted.actor_ids),
        (table.c.resource_id, wanted.resource_ids),
    ):
        if values:
            conditions.append(column.in_(values))
    if wanted.kinds is not None:
        conditions.append(table.c.type.in_(wanted.kinds))
    return conditions
