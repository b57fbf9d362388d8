"""Ledger and outbox in the metering database: an entry and the report of it are written in one transaction, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, cast, delete, func, insert, literal, or_, select, update

from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.tables import ledger, metering_writer, outbox
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_for, insert_into

SILENT_MS = 10_000
"""A writer of which nothing was heard for so long is gone. Living ones are heard every other second."""


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A report that the control plane has not confirmed yet."""

    writer: str
    number: int
    path: str
    body: bytes


class MeteringRepository:
    """Writes of the meter, reads of the sender."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_writer(self, writer: str, now_ms: int) -> int:
        """Registers this process as a writer. Returns how many earlier ones were killed, and closes them."""
        async with self._database.transaction() as connection:
            killed = (await connection.execute(self._close_gone(writer, now_ms))).rowcount
            await connection.execute(
                insert(metering_writer).values(writer=writer, started_at_ms=now_ms, seen_at_ms=self._now(now_ms))
            )
        return killed

    async def show_life(self, writer: str, now_ms: int) -> int:
        """Says that this writer lives. Returns how many of its siblings were killed since anybody looked, and closes them.

        A file has one process, which finds out at its start who was killed: there this does nothing.
        """
        if not self._database.is_shared:
            return 0
        alive = {"seen_at_ms": self._now(now_ms), "closed_at_ms": None}
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
        """The writer has written all it had."""
        async with self._database.appending() as connection:
            await connection.execute(
                update(metering_writer).where(metering_writer.c.writer == writer).values(closed_at_ms=now_ms)
            )

    async def append(self, entries: Sequence[LedgerEntry], reports: Sequence[OutboxRow]) -> None:
        """Entries and the reports that tell of them. Of what is there already nothing is changed or doubled.

        A connection that breaks during a commit leaves it open whether there was one: then the same comes again.
        """
        async with self._database.appending() as connection:
            if entries:
                # Past SQLAlchemy's own handling of each value, which takes longer than the database.
                statement = _ledger_statement(connection.dialect)
                await connection.exec_driver_sql(statement, [_ledger_row(entry) for entry in entries])
            if reports:
                await connection.execute(
                    insert_into(connection, outbox).on_conflict_do_nothing(),
                    [
                        {"writer": row.writer, "number": row.number, "path": row.path, "body": row.body}
                        for row in reports
                    ],
                )

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


def _is(row: OutboxRow) -> ColumnElement[bool]:
    return (outbox.c.writer == row.writer) & (outbox.c.number == row.number)


@cache
def _ledger_statement(dialect: Dialect) -> str:
    """The INSERT of one row in the dialect's own words, its values in the order of the columns."""
    statement = insert_for(dialect, ledger).on_conflict_do_nothing()
    return str(statement.compile(dialect=dialect, column_keys=[column.name for column in ledger.columns]))


def _ledger_row(entry: LedgerEntry) -> tuple[object, ...]:
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
    )
