"""Ledger entries, and what lies in a metering database."""

from typing import Any

import msgspec
from sqlalchemy import select

from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEventType
from domicile.boundary.service_levels import ServiceLevelReport
from domicile.boundary.usage import ServiceTier, Usage, UsageReport
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.metering.entry import CountedBy, LedgerEntry, Outcome
from domicile.data_plane.tables import ledger, outbox
from domicile.persistence.database import Database
from tests.unit.data_plane.region_parts import KEY_ID, NOW_MS, ORGANIZATION, PROJECT

MINUTE = NOW_MS // 60_000


def ledger_entry(request_id: str, **members: Any) -> LedgerEntry:
    values: dict[str, Any] = {
        "at_ms": NOW_MS,
        "organization_id": ORGANIZATION,
        "project_id": PROJECT,
        "key_id": KEY_ID,
        "endpoint": Endpoint.CHAT_COMPLETIONS,
        "model": "gpt-4o-2024-08-06",
        "tier": ServiceTier.DEFAULT,
        "batch": False,
        "engine": "one",
        "country": "DE",
        "outcome": Outcome.COMPLETE,
        "counted_by": CountedBy.ENGINE,
        "usage": Usage(10, 2, 5, 1),
        **members,
    }
    return LedgerEntry(request_id=request_id, **values)


Report = UsageReport | AuditReport | ServiceLevelReport


def read_report(path: str, body: bytes) -> Report:
    """A report as the control plane reads it."""
    if path == protocol.USAGE:
        return msgspec.json.decode(body, type=UsageReport)
    if path == protocol.SERVICE_LEVELS:
        return msgspec.json.decode(body, type=ServiceLevelReport)
    assert path == protocol.AUDIT
    return msgspec.json.decode(body, type=AuditReport)


async def in_ledger(database: Database) -> list[Any]:
    async with database.reading() as connection:
        return list((await connection.execute(select(ledger).order_by(ledger.c.request_id))).all())


async def in_outbox(database: Database) -> list[tuple[Report, str | None]]:
    """Every report that is not confirmed, with the code it was refused with."""
    async with database.reading() as connection:
        rows = (await connection.execute(select(outbox).order_by(outbox.c.writer, outbox.c.number))).all()
    for row in rows:
        assert (read_report(row.path, row.body).writer, read_report(row.path, row.body).number) == (
            row.writer,
            row.number,
        )
    return [(read_report(row.path, row.body), row.refused_code) for row in rows]


def requests_in(reports: list[tuple[Report, str | None]]) -> int:
    return sum(delta.requests for report, _ in reports if isinstance(report, UsageReport) for delta in report.deltas)


def events_in(reports: list[tuple[Report, str | None]]) -> list[RegionEventType]:
    return [event.type for report, _ in reports if isinstance(report, AuditReport) for event in report.events]
