"""Chunks as a queue: claimed under a lease, renewed, committed once, or put off.

A claim raises the chunk's attempt. Whatever an earlier claim still writes names the attempt before, and changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, exists, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.jobs.batch import (
    ATTEMPTS_MAX,
    LEASE_MS,
    BatchStatus,
    ChunkPlan,
    ChunkResult,
    ChunkStatus,
    Claim,
    ClaimedChunk,
    Ending,
)
from domicile.data_plane.jobs.batch_rows import batch_of
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.tables import batch, batch_chunk
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

# Another worker may take the last chunk of the first choice in the same instant.
_CHOICES = 8
_ENTRIES = msgspec.json.Decoder(tuple[LedgerEntry, ...])


@dataclass(frozen=True, slots=True)
class UnmeteredChunk:
    """A committed chunk whose usage is not in the ledger yet, as far as its row says."""

    claim: Claim
    entries: tuple[LedgerEntry, ...]


class ChunkQueue:
    """Raises the database's errors."""

    def __init__(self, database: Database, objects: Objects, clock: Clock, *, lease_ms: int = LEASE_MS) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock
        self._lease_ms = lease_ms

    async def claim(self) -> ClaimedChunk | None:
        """Claim the next chunk, or return None where there is none to run.

        First comes the project with the fewest running chunks, by chance among equals. Of its batches the one with the fewest
        running chunks comes first, and then the oldest.
        """
        async with self._database.appending() as connection:
            for batch_id in (await connection.execute(self._next_batches())).scalars().all():
                query = select(batch_chunk).where(batch_chunk.c.batch_id == batch_id, self._is_claimable())
                locked = query.order_by(batch_chunk.c.number).limit(1).with_for_update(skip_locked=True)
                row = (await connection.execute(locked)).first()
                if row is not None:
                    return await self._claimed(connection, row)
        return None

    async def renew(self, claims: Sequence[Claim]) -> None:
        """Prolong the leases of these claims, where no other worker has claimed the chunk meanwhile."""
        running = _are(claims) & (batch_chunk.c.status == ChunkStatus.RUNNING.value)
        async with self._database.appending() as connection:
            await connection.execute(
                update(batch_chunk).where(running).values(lease_until_ms=self._now() + self._lease_ms)
            )

    async def endings(self, claims: Sequence[Claim]) -> dict[Claim, Ending | None]:
        """By claim that still holds, why no further line of it may begin. A claim that is lost is missing."""
        columns = (batch_chunk.c.batch_id, batch_chunk.c.number, batch_chunk.c.attempt, batch.c.ending)
        query = select(*columns).join(batch, batch.c.batch_id == batch_chunk.c.batch_id)
        query = query.where(_are(claims), batch_chunk.c.status == ChunkStatus.RUNNING.value)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return {Claim(*row[:3]): None if row.ending is None else Ending(row.ending) for row in rows}

    async def commit(self, claim: Claim, result: ChunkResult) -> bool:
        """Make the result the chunk's, once. False: another claim has been made, or the batch is gone.

        A call whose result is unknown may be repeated.
        """
        done = {
            "status": ChunkStatus.DONE.value,
            "object_id": result.stored.object_id,
            "output_bytes": result.output_bytes,
            "error_bytes": result.error_bytes,
            "entries": msgspec.json.encode(result.entries) if result.entries else None,
        }
        counts = {
            "completed": batch.c.completed + result.completed,
            "failed": batch.c.failed + result.failed,
            "input_tokens": batch.c.input_tokens + result.usage.input_tokens,
            "input_cached_tokens": batch.c.input_cached_tokens + result.usage.input_cached_tokens,
            "output_tokens": batch.c.output_tokens + result.usage.output_tokens,
            "output_reasoning_tokens": batch.c.output_reasoning_tokens + result.usage.output_reasoning_tokens,
        }
        running = _are([claim]) & (batch_chunk.c.status == ChunkStatus.RUNNING.value)
        async with self._database.transaction() as connection:
            if (await connection.execute(update(batch_chunk).where(running).values(done))).rowcount != 1:
                kept = select(batch_chunk.c.object_id).where(_are([claim]))
                return (await connection.execute(kept)).scalar() == result.stored.object_id
            await self._objects.keep(connection, result.stored)
            await connection.execute(update(batch).where(batch.c.batch_id == claim.batch_id).values(counts))
        return True

    async def put_off(self, claim: Claim, *, delay_ms: int, is_fault: bool) -> None:
        """Give a chunk back, to be claimed after `delay_ms`. `is_fault`: counts towards `ATTEMPTS_MAX`."""
        values: dict[str, Any] = {
            "status": ChunkStatus.QUEUED.value,
            "lease_until_ms": self._now() + delay_ms,
            "put_off": batch_chunk.c.put_off + (0 if is_fault else 1),
        }
        running = _are([claim]) & (batch_chunk.c.status == ChunkStatus.RUNNING.value)
        async with self._database.appending() as connection:
            await connection.execute(update(batch_chunk).where(running).values(values))

    async def unmetered(self, limit: int) -> list[UnmeteredChunk]:
        """Committed chunks with entries that the worker which committed them has not reported as metered in time."""
        query = select(batch_chunk).where(
            batch_chunk.c.entries.is_not(None), batch_chunk.c.lease_until_ms <= self._now()
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.limit(limit))).all()
        return [
            UnmeteredChunk(Claim(row.batch_id, row.number, row.attempt), _ENTRIES.decode(row.entries)) for row in rows
        ]

    async def metered(self, claims: Sequence[Claim]) -> None:
        """Forget the entries of chunks, which are in the ledger now."""
        async with self._database.appending() as connection:
            await connection.execute(update(batch_chunk).where(_are(claims)).values(entries=None))

    def _now(self) -> ColumnElement[int]:
        return self._database.time_ms(self._clock.now_ms())

    def _is_claimable(self) -> ColumnElement[bool]:
        return and_(
            batch_chunk.c.status.in_((ChunkStatus.QUEUED.value, ChunkStatus.RUNNING.value)),
            batch_chunk.c.lease_until_ms <= self._now(),
            batch_chunk.c.attempt - batch_chunk.c.put_off < ATTEMPTS_MAX,
        )

    def _next_batches(self) -> Select[Any]:
        """Of each project the batch whose turn it is, in the order of the projects' turns."""
        running = select(batch_chunk.c.project_id, batch_chunk.c.batch_id, func.count().label("chunks"))
        running = running.where(
            batch_chunk.c.status == ChunkStatus.RUNNING.value, batch_chunk.c.lease_until_ms > self._now()
        ).group_by(batch_chunk.c.project_id, batch_chunk.c.batch_id)
        of_batch, of_chunk = running.subquery(), running.subquery()
        of_project = (
            select(of_chunk.c.project_id, func.sum(of_chunk.c.chunks).label("chunks"))
            .group_by(of_chunk.c.project_id)
            .subquery()
        )
        order = (func.coalesce(of_batch.c.chunks, 0), batch.c.created_at_ms, batch.c.batch_id)
        waiting = exists().where(
            batch_chunk.c.batch_id == batch.c.batch_id,
            batch_chunk.c.project_id == batch.c.project_id,
            self._is_claimable(),
        )
        turns = (
            select(
                batch.c.batch_id,
                func.coalesce(of_project.c.chunks, 0).label("load"),
                func.row_number().over(partition_by=batch.c.project_id, order_by=order).label("place"),
            )
            .outerjoin(of_batch, of_batch.c.batch_id == batch.c.batch_id)
            .outerjoin(of_project, of_project.c.project_id == batch.c.project_id)
            .where(batch.c.status == BatchStatus.IN_PROGRESS.value, batch.c.ending.is_(None), waiting)
            .subquery()
        )
        first = select(turns.c.batch_id).where(turns.c.place == 1)
        return first.order_by(turns.c.load, func.random()).limit(_CHOICES)

    async def _claimed(self, connection: AsyncConnection, row: Any) -> ClaimedChunk:
        claim = Claim(row.batch_id, row.number, row.attempt + 1)
        values: dict[str, Any] = {
            "status": ChunkStatus.RUNNING.value,
            "attempt": claim.attempt,
            "lease_until_ms": self._now() + self._lease_ms,
        }
        this = (batch_chunk.c.batch_id == row.batch_id) & (batch_chunk.c.number == row.number)
        await connection.execute(update(batch_chunk).where(this).values(values))
        found = (await connection.execute(select(batch).where(batch.c.batch_id == row.batch_id))).one()
        return ClaimedChunk(claim, plan_of(row), batch_of(found))


def plan_of(row: Any) -> ChunkPlan:
    """The place of a chunk in the input, of a row with all columns."""
    return ChunkPlan(row.byte_offset, row.byte_length, row.first_line, row.lines)


def _are(claims: Sequence[Claim]) -> ColumnElement[bool]:
    key = tuple_(batch_chunk.c.batch_id, batch_chunk.c.number, batch_chunk.c.attempt)
    return key.in_([(each.batch_id, each.number, each.attempt) for each in claims])
