"""The rows of batches: created, read, listed, cancelled, expired and destroyed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.jobs.batch import ATTEMPTS_MAX, WINDOW_MS, Batch, BatchStatus, ChunkStatus, Ending
from domicile.data_plane.storage.objects import Objects, StoredObject
from domicile.data_plane.tables import batch, batch_chunk
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

UNFINISHED_MAX = 1000
"""Batches of one project that have not ended."""
_ENDED_AT_ONCE = 500
_FINAL = tuple(status.value for status in BatchStatus if status.is_final)
# From these a batch can still be cancelled or expire.
_OPEN = (BatchStatus.VALIDATING.value, BatchStatus.IN_PROGRESS.value)
_PARTS = msgspec.json.Decoder(tuple[tuple[str, int], ...])
_CLAIMABLE = (ChunkStatus.QUEUED.value, ChunkStatus.RUNNING.value)


class InputGoneError(Exception):
    """The input file was deleted while the batch was created."""


class TooManyBatchesError(Exception):
    """The project has `UNFINISHED_MAX` batches that have not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch to create."""

    batch_id: str
    project_id: str
    key_id: str
    endpoint: Endpoint
    input_file_id: str
    input: tuple[StoredObject, ...]
    metadata: bytes | None = None
    """Sealed."""
    output_expires_after_s: int | None = None
    idempotency_sha256: bytes | None = None
    body_sha256: bytes | None = None


class BatchRows:
    """Raises the database's errors."""

    def __init__(self, database: Database, objects: Objects, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._clock = clock

    async def create(self, new: NewBatch) -> Batch:
        """Create a batch that holds the bytes of its input. Raises `InputGoneError` and `TooManyBatchesError`.

        A repeated `idempotency_sha256` creates nothing and returns the first batch: compare its `body_sha256`.
        """
        now = self._database.time_ms(self._clock.now_ms())
        values = {
            **{name: getattr(new, name) for name in ("batch_id", "project_id", "key_id", "input_file_id", "metadata")},
            **{name: getattr(new, name) for name in ("output_expires_after_s", "idempotency_sha256", "body_sha256")},
            "endpoint": new.endpoint.value,
            "status": BatchStatus.VALIDATING.value,
            "input_parts": msgspec.json.encode([(part.object_id, part.size_bytes) for part in new.input]),
            "created_at_ms": now,
            "expires_at_ms": now + WINDOW_MS,
        }
        async with self._database.transaction() as connection:
            if new.idempotency_sha256 is not None:
                same = (batch.c.project_id == new.project_id) & (batch.c.idempotency_sha256 == new.idempotency_sha256)
                earlier = (await connection.execute(select(batch).where(same))).first()
                if earlier is not None:
                    return batch_of(earlier)
            unfinished = select(func.count()).select_from(batch).where(batch.c.project_id == new.project_id)
            unfinished = unfinished.where(batch.c.status.not_in(_FINAL))
            if (await connection.execute(unfinished)).scalar_one() >= UNFINISHED_MAX:
                raise TooManyBatchesError
            if not await self._objects.hold(connection, [part.object_id for part in new.input]):
                raise InputGoneError
            await connection.execute(insert(batch).values(values))
            created = select(batch).where(batch.c.batch_id == new.batch_id)
            return batch_of((await connection.execute(created)).one())

    async def find(self, project_id: str, batch_id: str) -> Batch | None:
        """The batch, or None where the project has none of this id."""
        return await self._first(_one(project_id, batch_id))

    async def by_idempotency(self, project_id: str, idempotency_sha256: bytes) -> tuple[Batch, bytes] | None:
        """The batch that was created under this Idempotency-Key, and the hash of the body that created it."""
        query = select(batch).where(batch.c.project_id == project_id, batch.c.idempotency_sha256 == idempotency_sha256)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else (batch_of(row), row.body_sha256)

    async def page(self, project_id: str, *, after: str | None, limit: int) -> list[Batch] | None:
        """At most `limit` batches, the newest first, that follow `after`. None where there is no such batch."""
        query = select(batch).where(batch.c.project_id == project_id)
        if after is not None:
            cursor = await self.find(project_id, after)
            if cursor is None:
                return None
            query = query.where(tuple_(batch.c.created_at_ms, batch.c.batch_id) < (cursor.created_at_ms, after))
        query = query.order_by(batch.c.created_at_ms.desc(), batch.c.batch_id.desc()).limit(limit)
        async with self._database.reading() as connection:
            return [batch_of(row) for row in await connection.execute(query)]

    async def cancel(self, project_id: str, batch_id: str) -> Batch | None:
        """Let no further line of the batch begin, and return it. None where it is unknown.

        A batch that can no longer be cancelled is returned as it is.
        """
        mine = and_(batch.c.project_id == project_id, batch.c.batch_id == batch_id)
        async with self._database.transaction() as connection:
            await self._end(connection, mine, Ending.CANCELLED)
            row = (await connection.execute(_one(project_id, batch_id))).first()
            return None if row is None else batch_of(row)

    async def cancel_all(self, project_ids: Sequence[str]) -> None:
        """Cancel the batches of projects that are not served any more."""
        async with self._database.transaction() as connection:
            await self._end(connection, batch.c.project_id.in_(project_ids), Ending.CANCELLED)

    async def open_projects(self) -> list[str]:
        """The ids of the projects that have batches which may begin lines."""
        query = select(batch.c.project_id).where(batch.c.status.in_(_OPEN), batch.c.ending.is_(None)).distinct()
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def expire(self) -> None:
        """Let no further line begin of batches whose window is over. A batch whose lines are all done completes."""
        unfinished = exists().where(batch_chunk.c.batch_id == batch.c.batch_id, batch_chunk.c.status.in_(_CLAIMABLE))
        over = batch.c.expires_at_ms <= self._database.time_ms(self._clock.now_ms())
        async with self._database.transaction() as connection:
            await self._end(connection, over & or_(batch.c.total.is_(None), unfinished), Ending.EXPIRED)

    async def end_orphans(self) -> None:
        """Skip the chunks of ended batches whose workers are gone, and abandon those that were begun too often."""
        now = self._database.time_ms(self._clock.now_ms())
        unheld = batch_chunk.c.status.in_(_CLAIMABLE) & (batch_chunk.c.lease_until_ms <= now)
        ending = select(batch.c.batch_id).where(batch.c.status.not_in(_FINAL), batch.c.ending.is_not(None))
        too_often = batch_chunk.c.attempt - batch_chunk.c.put_off >= ATTEMPTS_MAX
        async with self._database.appending() as connection:
            skipped = update(batch_chunk).where(unheld, batch_chunk.c.batch_id.in_(ending))
            await connection.execute(skipped.values(status=ChunkStatus.SKIPPED.value))
        async with self._database.appending() as connection:
            abandoned = update(batch_chunk).where(unheld, too_often)
            await connection.execute(abandoned.values(status=ChunkStatus.ABANDONED.value))

    async def destroy(self, project_id: str) -> None:
        """Delete all rows of a project's batches. See `Destroyer`; its objects are destroyed by theirs."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(batch_chunk).where(batch_chunk.c.project_id == project_id))
            await connection.execute(delete(batch).where(batch.c.project_id == project_id))

    async def _end(self, connection: AsyncConnection, which: ColumnElement[bool], ending: Ending) -> None:
        values: dict[str, Any] = {"ending": ending.value}
        if ending is Ending.CANCELLED:
            now = self._database.time_ms(self._clock.now_ms())
            values |= {"status": BatchStatus.CANCELLING.value, "cancelling_at_ms": now}
        open_now = select(batch.c.batch_id).where(which, batch.c.status.in_(_OPEN), batch.c.ending.is_(None))
        # The watcher's next look ends the rest.
        batch_ids = list((await connection.execute(open_now.limit(_ENDED_AT_ONCE))).scalars())
        if batch_ids:
            chosen = batch.c.batch_id.in_(batch_ids)
            await connection.execute(
                update(batch).where(chosen, batch.c.status.in_(_OPEN), batch.c.ending.is_(None)).values(values)
            )
            queued = batch_chunk.c.batch_id.in_(batch_ids) & (batch_chunk.c.status == ChunkStatus.QUEUED.value)
            await connection.execute(update(batch_chunk).where(queued).values(status=ChunkStatus.SKIPPED.value))

    async def _first(self, query: Select[Any]) -> Batch | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else batch_of(row)


def _one(project_id: str, batch_id: str) -> Select[Any]:
    return select(batch).where(batch.c.project_id == project_id, batch.c.batch_id == batch_id)


def batch_of(row: Any) -> Batch:
    """The batch of a row with all columns."""
    values = {name: getattr(row, name) for name in Batch.__slots__ if name in batch.c}
    values |= {
        "endpoint": Endpoint(row.endpoint),
        "status": BatchStatus(row.status),
        "ending": None if row.ending is None else Ending(row.ending),
        "input": tuple(StoredObject(part, row.project_id, size) for part, size in _PARTS.decode(row.input_parts)),
        "usage": Usage(
            input_tokens=row.input_tokens,
            input_cached_tokens=row.input_cached_tokens,
            output_tokens=row.output_tokens,
            output_reasoning_tokens=row.output_reasoning_tokens,
        ),
    }
    return Batch(**values)
