"""Ledger and outbox in the metering database.

An entry is written at once, and reported some seconds later together with others like it: a report and how far it reaches are
written in one transaction. So each entry is in one report, whichever process is killed and whoever goes on for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, ColumnElement, Dialect, cast, delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEvent
from domicile.boundary.usage import UsageDelta, UsageReport
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.unreported import read_unreported
from domicile.data_plane.tables import ledger, metering_writer, outbox
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_for

DELTAS_OF_A_REPORT = 256
"""Bounds a report to some 100 KB."""
SILENT_MS = 10_000
"""A writer of which nothing was heard for so long is gone. Living ones are heard every other second."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A report that the control plane has not confirmed yet."""

    writer: str
    number: int
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Reported:
    """How far reporting has come."""

    last_number: int
    """Of the writer's last report."""
    is_all: bool
    """Whether no entry is left that had to be reported."""


class MeteringRepository:
    """Writes of the meter, reads of the sender."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_writer(self, writer: str, now_ms: int) -> int:
        """Registers this process as a writer. Returns how many earlier ones were killed, and closes them."""
        async with self._database.transaction() as connection:
            killed = (await connection.execute(self._close_gone(writer, now_ms))).rowcount
            await connection.execute(
                insert(metering_writer).values(
                    writer=writer, started_at_ms=now_ms, seen_at_ms=self._now(now_ms), is_settled=False
                )
            )
        return killed

    async def show_life(self, writer: str, now_ms: int) -> int:
        """Says that this writer lives. Returns how many of its siblings were killed since anybody looked, and closes them.

        A file has one process, which finds out at its start who was killed: there this does nothing.
        """
        if not self._database.is_shared:
            return 0
        alive = {"seen_at_ms": self._now(now_ms), "closed_at_ms": None, "is_settled": False}
        async with self._database.appending() as connection:
            # A writer that was too slow for its siblings, and has been closed by them, is open again.
            await connection.execute(update(metering_writer).where(metering_writer.c.writer == writer).values(alive))
        async with self._database.appending() as connection:
            # One statement: of several replicas that look at the same time, one closes a row and reports it.
            return (await connection.execute(self._close_gone(writer, now_ms))).rowcount

    def _close_gone(self, writer: str, now_ms: int) -> Any:
        gone = [metering_writer.c.closed_at_ms.is_(None), metering_writer.c.writer != writer]
        if self._database.is_shared:
            gone.append(metering_writer.c.seen_at_ms < self._now(now_ms) - SILENT_MS)
        return update(metering_writer).where(*gone).values(closed_at_ms=now_ms)

    def _now(self, now_ms: int) -> ColumnElement[int]:
        """Replicas compare times with each other by the database's clock: those of their machines differ."""
        if not self._database.is_shared:
            return literal(now_ms)
        return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    async def close_writer(self, writer: str, now_ms: int) -> None:
        """The writer has written and reported all it had."""
        async with self._database.appending() as connection:
            closed = {"closed_at_ms": now_ms, "is_settled": True}
            await connection.execute(update(metering_writer).where(metering_writer.c.writer == writer).values(closed))

    async def append(self, writer: str, first: int, entries: Sequence[LedgerEntry]) -> None:
        """A writer's entries, numbered from `first`. Of what is there already nothing is changed or doubled.

        A connection that breaks during a commit leaves it open whether there was one: then the same comes again.
        """
        async with self._database.appending() as connection:
            # Past SQLAlchemy's own handling of each value, which takes longer than the database.
            statement = _ledger_statement(connection.dialect)
            rows = [_ledger_row(entry, writer, first + place) for place, entry in enumerate(entries)]
            await connection.exec_driver_sql(statement, rows)

    async def report(
        self, region: str, writer: str, last_number: int, events: Sequence[RegionEvent], *, with_usage: bool
    ) -> Reported:
        """Reports into the outbox: of `events`, and `with_usage` of all entries of this writer and of the dead.

        `last_number`: of this writer's last report. After an unknown end the same call comes again: when its first attempt was
        committed the writer's number has moved on, and nothing is done.
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
            reports.add_events(events)
            if reports.rows:
                await connection.execute(insert(outbox), reports.rows)
                moved = {"last_number": reports.last_number}
                await connection.execute(
                    update(metering_writer).where(metering_writer.c.writer == writer).values(moved)
                )
        return Reported(reports.last_number, is_all=is_all)

    async def waiting(self, writer: str, limit: int) -> list[OutboxRow]:
        """The reports to send next, oldest first: the writer's own, and those of writers that are closed."""
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
        """The control plane has it."""
        async with self._database.appending() as connection:
            await connection.execute(delete(outbox).where(_is(row)))

    async def refused(self, row: OutboxRow, code: str) -> None:
        """The control plane will never take it: kept for the operator, not sent again."""
        async with self._database.appending() as connection:
            await connection.execute(update(outbox).where(_is(row)).values(refused_code=code))


class _Reports:
    """The reports of one transaction, numbered behind the writer's last one."""

    def __init__(self, region: str, writer: str, last_number: int) -> None:
        self._region = region
        self._writer = writer
        self.last_number = last_number
        self.rows: list[dict[str, object]] = []

    def add_usage(self, deltas: Sequence[UsageDelta]) -> None:
        for start in range(0, len(deltas), DELTAS_OF_A_REPORT):
            part = tuple(deltas[start : start + DELTAS_OF_A_REPORT])
            self._add(protocol.USAGE, UsageReport(self._region, self._writer, self.last_number + 1, part))

    def add_events(self, events: Sequence[RegionEvent]) -> None:
        if events:
            self._add(protocol.AUDIT, AuditReport(self._region, self._writer, self.last_number + 1, tuple(events)))

    def _add(self, path: str, report: UsageReport | AuditReport) -> None:
        self.last_number += 1
        body = msgspec.json.encode(report)
        self.rows.append({"writer": self._writer, "number": self.last_number, "path": path, "body": body})


async def _writer_row(connection: AsyncConnection, writer: str) -> Any:
    return (await connection.execute(select(metering_writer).where(metering_writer.c.writer == writer))).one()


async def _owing(connection: AsyncConnection, writer: str) -> Sequence[Any]:
    """This writer, and those that were killed before they had reported all that they wrote."""
    is_dead = metering_writer.c.closed_at_ms.is_not(None) & metering_writer.c.is_settled.is_(False)
    query = select(metering_writer).where((metering_writer.c.writer == writer) | is_dead)
    return (await connection.execute(query.order_by(metering_writer.c.started_at_ms))).all()


def _is(row: OutboxRow) -> ColumnElement[bool]:
    return (outbox.c.writer == row.writer) & (outbox.c.number == row.number)


@cache
def _ledger_statement(dialect: Dialect) -> str:
    """The INSERT of one row in the dialect's own words, its values in the order of the columns."""
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
