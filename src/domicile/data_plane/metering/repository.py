"""Ledger and outbox in the metering database.

An entry is written at once, and reported some seconds later in a sum. One transaction writes a report and the number of its
last entry. So each entry is in exactly one report, even if its process is killed and another replica reports it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Dialect, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEvent
from domicile.boundary.service_levels import ServiceLevelDelta, ServiceLevelReport
from domicile.boundary.usage import UsageDelta, UsageReport
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.unreported import read_unreported
from domicile.data_plane.tables import ledger, metering_writer, outbox
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_for

DELTAS_OF_A_REPORT = 256
"""Deltas in one report, which bounds it to about 100 KB."""
SILENT_MS = 10_000
"""A writer without a heartbeat for so long counts as killed. Heartbeats come every two seconds."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A report on its way to the control plane. `path`: the boundary listener's path for it."""

    writer: str
    number: int
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reported:
    """The state of reporting after one transaction."""

    last_number: int
    """The number of the writer's last report."""
    is_all: bool
    """Whether every entry that was due has been reported."""


class MeteringRepository:
    """The meter's writes, and the sender's reads and confirmations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_writer(self, writer: str, now_ms: int) -> int:
        """Register this process as a writer. Close the writers that were killed and return their number."""
        async with self._database.transaction() as connection:
            killed = (await connection.execute(self._close_gone(writer, now_ms))).rowcount
            await connection.execute(
                insert(metering_writer).values(
                    writer=writer, started_at_ms=now_ms, seen_at_ms=self._database.time_ms(now_ms), is_settled=False
                )
            )
        return killed

    async def heartbeat(self, writer: str, now_ms: int) -> int:
        """Update this writer's heartbeat. Close the replicas whose heartbeat has stopped and return their number.

        Returns 0 for a database file: one process uses it, and finds killed writers at its start.
        """
        if not self._database.is_shared:
            return 0
        alive = {"seen_at_ms": self._database.time_ms(now_ms), "closed_at_ms": None, "is_settled": False}
        async with self._database.appending() as connection:
            # Another replica may have closed this writer for a late heartbeat. Open it again.
            await connection.execute(update(metering_writer).where(metering_writer.c.writer == writer).values(alive))
        async with self._database.appending() as connection:
            # One statement: if several replicas run it at the same time, only one closes and reports a given writer.
            return (await connection.execute(self._close_gone(writer, now_ms))).rowcount

    async def live_writers(self) -> int:
        """The processes of the region that use the database now, this one too: those whose heartbeat is recent."""
        alive: list[ColumnElement[bool]] = [metering_writer.c.closed_at_ms.is_(None)]
        if self._database.is_shared:
            alive.append(metering_writer.c.seen_at_ms >= self._database.time_ms(0) - SILENT_MS)
        query = select(func.count()).select_from(metering_writer).where(*alive)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one()

    def _close_gone(self, writer: str, now_ms: int) -> Any:
        gone = [metering_writer.c.closed_at_ms.is_(None), metering_writer.c.writer != writer]
        if self._database.is_shared:
            gone.append(metering_writer.c.seen_at_ms < self._database.time_ms(now_ms) - SILENT_MS)
        return update(metering_writer).where(*gone).values(closed_at_ms=now_ms)

    async def close_writer(self, writer: str, now_ms: int) -> None:
        """Close a writer that has written and reported all its entries."""
        async with self._database.appending() as connection:
            closed = {"closed_at_ms": now_ms, "is_settled": True}
            await connection.execute(update(metering_writer).where(metering_writer.c.writer == writer).values(closed))

    async def append(self, writer: str, first: int, entries: Sequence[LedgerEntry]) -> None:
        """Insert a writer's entries, numbered from `first`. Rows that exist already stay as they are.

        So a call may be repeated when a connection broke during the commit.
        """
        async with self._database.appending() as connection:
            # Bypass SQLAlchemy's processing of each value: it takes longer than the insert itself.
            statement = _ledger_statement(connection.dialect)
            rows = [_ledger_row(entry, writer, first + place) for place, entry in enumerate(entries)]
            await connection.exec_driver_sql(statement, rows)

    async def report(
        self,
        region: str,
        writer: str,
        last_number: int,
        events: Sequence[RegionEvent],
        levels: Sequence[ServiceLevelDelta] = (),
        *,
        with_usage: bool,
    ) -> Reported:
        """Put reports into the outbox: the `events` and service levels, and `with_usage` the unreported entries of this and of
        killed writers.

        `last_number`: the number of this writer's last report. A call whose result is unknown may be repeated: if the first
        attempt was committed the number has changed, and the repetition does nothing.
        """
        async with self._database.transaction() as connection:
            known = await _writer_row(connection, writer)
            if known.last_number != last_number:
                return Reported(known.last_number, is_all=not with_usage)
            reports = _Reports(region, writer, last_number)
            is_all = True
            for each in await _owing(connection, writer) if with_usage else ():
                found = await read_unreported(connection, each.writer, each.reported_through)
                reports.add_usage(found.deltas)
                is_all &= found.is_all
                reached = {"reported_through": found.through, "is_settled": found.is_all and each.writer != writer}
                await connection.execute(
                    update(metering_writer).where(metering_writer.c.writer == each.writer).values(reached)
                )
            reports.add_levels(levels)
            reports.add_events(events)
            if reports.rows:
                await connection.execute(insert(outbox), reports.rows)
                moved = {"last_number": reports.last_number}
                await connection.execute(
                    update(metering_writer).where(metering_writer.c.writer == writer).values(moved)
                )
        return Reported(reports.last_number, is_all=is_all)

    async def waiting(self, writer: str, limit: int) -> list[OutboxRow]:
        """At most `limit` reports to send next, oldest first: the writer's own and those of closed writers."""
        query = (
            select(outbox.c.writer, outbox.c.number, outbox.c.path, outbox.c.body)
            .join(metering_writer, metering_writer.c.writer == outbox.c.writer)
            .where(outbox.c.refused_code.is_(None))
            .where(or_(outbox.c.writer == writer, metering_writer.c.closed_at_ms.is_not(None)))
            .order_by(metering_writer.c.started_at_ms, outbox.c.number)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [OutboxRow(*row) for row in await connection.execute(query)]

    async def confirmed(self, row: OutboxRow) -> None:
        """Delete a report that the control plane has confirmed."""
        async with self._database.appending() as connection:
            await connection.execute(delete(outbox).where(_is(row)))

    async def refused(self, row: OutboxRow, code: str) -> None:
        """Mark a report that the control plane refused for good. It is kept for the operator and not sent again."""
        async with self._database.appending() as connection:
            await connection.execute(update(outbox).where(_is(row)).values(refused_code=code))


class _Reports:
    """Collects the reports of one transaction, numbered after the writer's last one."""

    def __init__(self, region: str, writer: str, last_number: int) -> None:
        self._region = region
        self._writer = writer
        self.last_number = last_number
        self.rows: list[dict[str, object]] = []

    def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        """Add usage reports, with at most `DELTAS_OF_A_REPORT` deltas each."""
        for start in range(0, len(deltas), DELTAS_OF_A_REPORT):
            part = tuple(deltas[start : start + DELTAS_OF_A_REPORT])
            self._add(protocol.USAGE, UsageReport(self._region, self._writer, self.last_number + 1, part))

    def add_levels(self, deltas: Sequence[ServiceLevelDelta]) -> None:
        """Add reports of service levels, with at most `DELTAS_OF_A_REPORT` deltas each."""
        for start in range(0, len(deltas), DELTAS_OF_A_REPORT):
            part = tuple(deltas[start : start + DELTAS_OF_A_REPORT])
            report = ServiceLevelReport(self._region, self._writer, self.last_number + 1, part)
            self._add(protocol.SERVICE_LEVELS, report)

    def add_events(self, events: Sequence[RegionEvent]) -> None:
        """Add one audit report. Adds none without events."""
        if events:
            self._add(protocol.AUDIT, AuditReport(self._region, self._writer, self.last_number + 1, tuple(events)))

    def _add(self, path: str, report: UsageReport | AuditReport | ServiceLevelReport) -> None:
        self.last_number += 1
        body = msgspec.json.encode(report)
        self.rows.append({"writer": self._writer, "number": self.last_number, "path": path, "body": body})


async def _writer_row(connection: AsyncConnection, writer: str) -> Any:
    return (await connection.execute(select(metering_writer).where(metering_writer.c.writer == writer))).one()


async def _owing(connection: AsyncConnection, writer: str) -> Sequence[Any]:
    """The rows of this writer, and of the killed writers with unreported entries."""
    is_dead = metering_writer.c.closed_at_ms.is_not(None) & metering_writer.c.is_settled.is_(False)
    query = select(metering_writer).where((metering_writer.c.writer == writer) | is_dead)
    return (await connection.execute(query.order_by(metering_writer.c.started_at_ms))).all()


def _is(row: OutboxRow) -> ColumnElement[bool]:
    return (outbox.c.writer == row.writer) & (outbox.c.number == row.number)


@cache
def _ledger_statement(dialect: Dialect) -> str:
    """The dialect's INSERT of one row that skips existing rows. Its values are in the order of the columns."""
    statement = insert_for(dialect, ledger).on_conflict_do_nothing()
    return str(statement.compile(dialect=dialect, column_keys=[column.name for column in ledger.columns]))


def _ledger_row(entry: LedgerEntry, writer: str, sequence: int) -> tuple[object, ...]:
    usage = entry.usage
    return (
        entry.request_id,
        entry.at_ms,
        entry.organization_id,
        entry.project_id,
        entry.key_id,
        entry.endpoint.value,
        entry.model,
        entry.tier.value,
        entry.batch,
        entry.engine,
        entry.country,
        entry.outcome.value,
        entry.counted_by.value,
        usage.input_tokens,
        usage.input_cached_tokens,
        usage.output_tokens,
        usage.output_reasoning_tokens,
        usage.characters,
        usage.audio_milliseconds,
        usage.images,
        None if entry.image_size is None else entry.image_size.value,
        writer,
        sequence,
    )
