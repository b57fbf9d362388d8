"""Ledger and outbox in the metering database: an entry and the report of it are written in one transaction, or neither."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select, update

from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.tables import ledger, metering_writer, outbox
from domicile.persistence.database import Database


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
        """Registers this process as a writer. Returns how many earlier ones were never closed: they were killed."""
        async with self._database.transaction() as connection:
            unclosed = metering_writer.c.closed_at_ms.is_(None)
            killed = (await connection.execute(select(func.count()).where(unclosed))).scalar_one()
            await connection.execute(update(metering_writer).where(unclosed).values(closed_at_ms=now_ms))
            await connection.execute(insert(metering_writer).values(writer=writer, started_at_ms=now_ms))
        return killed

    async def close_writer(self, writer: str, now_ms: int) -> None:
        """The writer has written all it had."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(metering_writer).where(metering_writer.c.writer == writer).values(closed_at_ms=now_ms)
            )

    async def append(self, entries: Sequence[LedgerEntry], reports: Sequence[OutboxRow]) -> None:
        """Entries and the reports that tell of them."""
        async with self._database.transaction() as connection:
            if entries:
                await connection.execute(insert(ledger), [_ledger_row(entry) for entry in entries])
            if reports:
                await connection.execute(
                    insert(outbox),
                    [
                        {"writer": row.writer, "number": row.number, "path": row.path, "body": row.body}
                        for row in reports
                    ],
                )

    async def waiting(self, limit: int) -> list[OutboxRow]:
        """The reports to send next, oldest first."""
        query = (
            select(outbox.c.writer, outbox.c.number, outbox.c.path, outbox.c.body)
            .join(metering_writer, metering_writer.c.writer == outbox.c.writer)
            .where(outbox.c.refused_code.is_(None))
            .order_by(metering_writer.c.started_at_ms, outbox.c.number)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [OutboxRow(*row) for row in await connection.execute(query)]

    async def confirmed(self, row: OutboxRow) -> None:
        """The control plane has it."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(outbox).where(_is(row)))

    async def refused(self, row: OutboxRow, code: str) -> None:
        """The control plane will never take it: kept for the operator, not sent again."""
        async with self._database.transaction() as connection:
            await connection.execute(update(outbox).where(_is(row)).values(refused_code=code))


def _is(row: OutboxRow):  # type: ignore[no-untyped-def]
    return (outbox.c.writer == row.writer) & (outbox.c.number == row.number)


def _ledger_row(entry: LedgerEntry) -> dict[str, object]:
    return {
        "request_id": entry.request_id,
        "at_ms": entry.at_ms,
        "organization_id": entry.organization_id,
        "project_id": entry.project_id,
        "key_id": entry.key_id,
        "endpoint": entry.endpoint.value,
        "model": entry.model,
        "tier": entry.tier.value,
        "batch": entry.batch,
        "engine": entry.engine,
        "country": entry.country,
        "outcome": entry.outcome.value,
        "counted_by": entry.counted_by.value,
        "input_tokens": entry.usage.input_tokens,
        "input_cached_tokens": entry.usage.input_cached_tokens,
        "output_tokens": entry.usage.output_tokens,
        "output_reasoning_tokens": entry.usage.output_reasoning_tokens,
    }
