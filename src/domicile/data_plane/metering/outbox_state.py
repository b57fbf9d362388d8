"""The operator's view of the outbox: the number of waiting reports, and the age of the oldest."""

from dataclasses import dataclass

import msgspec
import structlog
from sqlalchemy import func, select

from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport
from domicile.boundary.service_levels import ServiceLevelReport
from domicile.boundary.usage import UsageReport
from domicile.data_plane.tables import metering_writer, outbox
from domicile.persistence.database import Database
from domicile.persistence.unavailable import DatabaseUnavailableError

log = structlog.get_logger("operator")


@dataclass(frozen=True, slots=True)
class OutboxState:
    """Counts over all replicas that share the database."""

    depth: int
    refused: int
    """Reports that the control plane refused for good. They are kept for the operator."""
    oldest_at_ms: int | None
    """The earliest time in the oldest waiting report. None without one, or if it cannot be read."""


async def read_outbox_state(database: Database) -> OutboxState | None:
    """Count the reports that the control plane has not confirmed. None while the database is unavailable."""
    try:
        return await _read(database)
    except DatabaseUnavailableError as error:
        log.error("outbox_not_read", type=str(error))
        return None


async def _read(database: Database) -> OutboxState:
    is_waiting = outbox.c.refused_code.is_(None)
    oldest = (
        select(outbox.c.path, outbox.c.body)
        .join(metering_writer, metering_writer.c.writer == outbox.c.writer)
        .where(is_waiting)
        .order_by(metering_writer.c.started_at_ms, outbox.c.number)
        .limit(1)
    )
    async with database.reading() as connection:
        counts = select(func.count().filter(is_waiting), func.count().filter(~is_waiting)).select_from(outbox)
        depth, refused = (await connection.execute(counts)).one()
        report = (await connection.execute(oldest)).one_or_none()
    return OutboxState(depth, refused, None if report is None else _told_at_ms(report.path, report.body))


def _told_at_ms(path: str, body: bytes) -> int | None:
    """The earliest time in a report's body. The outbox has no column for it."""
    try:
        if path == protocol.USAGE:
            usage = msgspec.json.decode(body, type=UsageReport)
            return min((delta.minute * 60_000 for delta in usage.deltas), default=None)
        if path == protocol.SERVICE_LEVELS:
            levels = msgspec.json.decode(body, type=ServiceLevelReport)
            return min((delta.minute * 60_000 for delta in levels.deltas), default=None)
        if path == protocol.AUDIT:
            audit = msgspec.json.decode(body, type=AuditReport)
            return min((event.at_ms for event in audit.events), default=None)
    except msgspec.MsgspecError:
        # Written by another version of the program. The report is sent all the same; only its age is unknown.
        return None
    return None
