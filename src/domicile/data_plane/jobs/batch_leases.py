"""Work on a batch as a whole, under a lease of its row: first its validation, and at its end its finalisation."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.jobs.batch import (
    LEASE_MS,
    Batch,
    BatchStatus,
    ChunkPlan,
    ChunkStatus,
    Ending,
    FinishedChunk,
)
from domicile.data_plane.jobs.batch_files import BatchFiles
from domicile.data_plane.jobs.batch_rows import batch_of
from domicile.data_plane.jobs.chunk_queue import plan_of
from domicile.data_plane.storage.objects import Objects, StoredObject
from domicile.data_plane.tables import batch, batch_chunk
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

_BEFORE_VALIDATION = (BatchStatus.VALIDATING.value, BatchStatus.CANCELLING.value)
_BEFORE_END = (BatchStatus.IN_PROGRESS.value, BatchStatus.FINALIZING.value, BatchStatus.CANCELLING.value)
_CHUNKS_AT_ONCE = 100
_FINAL_OF = {None: BatchStatus.COMPLETED, Ending.CANCELLED: BatchStatus.CANCELLED, Ending.EXPIRED: BatchStatus.EXPIRED}


class TooManyTokensError(Exception):
    """The batches of the project and model that have not ended would hold more tokens than their limit."""


class FencedError(Exception):
    """Another worker has claimed the same work since, or it is gone: nothing was changed."""


@dataclass(frozen=True, slots=True)
class BatchOutput:
    """The objects of a finalized batch. None where no line belongs into the file."""

    output: StoredObject | None
    errors: StoredObject | None
    completed: int
    """Lines of the output file. All others are in the error file."""


class BatchLeases:
    """Raises the database's errors. What changes a claimed batch raises `FencedError` when the claim is lost."""

    def __init__(
        self, database: Database, objects: Objects, files: BatchFiles, clock: Clock, *, lease_ms: int = LEASE_MS
    ) -> None:
        self._database = database
        self._objects = objects
        self._files = files
        self._clock = clock
        self._lease_ms = lease_ms

    async def claim_validation(self) -> Batch | None:
        """Claim the oldest batch to validate, of the project in which the fewest are being validated."""
        # A batch that is cancelled meanwhile is validated all the same: its lines then go into the error file.
        waiting = batch.c.status.in_(_BEFORE_VALIDATION) & batch.c.total.is_(None)
        return await self._claim(waiting, status=batch.c.status)

    async def claim_finalisation(self) -> Batch | None:
        """Claim a batch of which no chunk is left to run, and whose usage is in the ledger."""
        unfinished = batch_chunk.c.status.in_((ChunkStatus.QUEUED.value, ChunkStatus.RUNNING.value))
        left = exists().where(
            batch_chunk.c.batch_id == batch.c.batch_id, or_(unfinished, batch_chunk.c.entries.is_not(None))
        )
        ready = batch.c.status.in_(_BEFORE_END) & batch.c.total.is_not(None) & ~left
        is_cancelled = batch.c.status == BatchStatus.CANCELLING.value
        return await self._claim(
            ready,
            status=case((is_cancelled, batch.c.status), else_=BatchStatus.FINALIZING.value),
            finalizing_at_ms=case(
                (is_cancelled, batch.c.finalizing_at_ms), else_=func.coalesce(batch.c.finalizing_at_ms, self._now())
            ),
        )

    async def renew(self, claimed: Batch) -> None:
        """Prolong the lease."""
        async with self._database.appending() as connection:
            await self._change(connection, claimed, lease_until_ms=self._now() + self._lease_ms)

    async def give_back(self, claimed: Batch, *, delay_ms: int, is_fault: bool) -> None:
        """Let others claim it after `delay_ms`. `is_fault`: counts towards `ATTEMPTS_MAX`."""
        put_off = claimed.put_off + (0 if is_fault else 1)
        async with self._database.appending() as connection:
            await self._change(connection, claimed, lease_until_ms=self._now() + delay_ms, put_off=put_off)

    async def validated(
        self, claimed: Batch, model: str, chunks: Sequence[ChunkPlan], *, tokens: int = 0, tokens_max: int | None = None
    ) -> None:
        """Begin the batch: its chunks are queued in the same transaction. Those of an ended batch are skipped.

        `tokens`: of its input. Raises `TooManyTokensError` when the project's batches of the model that have not ended would
        hold more than `tokens_max`.
        """
        async with self._database.transaction() as connection:
            is_open = batch.c.ending.is_(None)
            if tokens_max is not None and tokens + await self._queued_tokens(connection, claimed, model) > tokens_max:
                raise TooManyTokensError
            begun = await self._change(
                connection,
                claimed,
                model=model,
                total=sum(chunk.lines for chunk in chunks),
                queued_tokens=tokens,
                lease_until_ms=0,
                status=case((batch.c.status == BatchStatus.CANCELLING.value, batch.c.status), else_="in_progress"),
                in_progress_at_ms=case((is_open, self._now())),
            )
            status = ChunkStatus.QUEUED if begun.ending is None else ChunkStatus.SKIPPED
            rows = [
                {
                    "batch_id": claimed.batch_id,
                    "number": number,
                    "project_id": claimed.project_id,
                    "byte_offset": chunk.byte_offset,
                    "byte_length": chunk.byte_length,
                    "first_line": chunk.first_line,
                    "lines": chunk.lines,
                    "status": status.value,
                }
                for number, chunk in enumerate(chunks)
            ]
            await connection.execute(insert(batch_chunk), rows)

    async def failed(self, claimed: Batch, errors: bytes) -> None:
        """End a batch whose input is broken. `errors`: sealed."""
        async with self._database.transaction() as connection:
            await self._change(
                connection, claimed, status=BatchStatus.FAILED.value, errors=errors, failed_at_ms=self._now()
            )
            await self._objects.release(connection, claimed.input_object_ids)

    async def chunks(self, claimed: Batch) -> AsyncIterator[FinishedChunk]:
        """Yield the chunks in the order of the input."""
        number = 0
        while True:
            query = select(batch_chunk).where(
                batch_chunk.c.batch_id == claimed.batch_id, batch_chunk.c.number >= number
            )
            async with self._database.reading() as connection:
                rows = (await connection.execute(query.order_by(batch_chunk.c.number).limit(_CHUNKS_AT_ONCE))).all()
            for row in rows:
                yield _finished(row)
            if len(rows) < _CHUNKS_AT_ONCE:
                return
            number = rows[-1].number + 1

    async def finalized(self, claimed: Batch, output: BatchOutput) -> BatchStatus:
        """End the batch: its files appear, and its chunks and its hold on the input go, in one transaction.

        Return its status. A call whose result is unknown may be repeated.
        """
        async with self._database.transaction() as connection:
            ended = await self._final_status(connection, claimed)
            if ended is not None:
                return ended
            output_id = await self._add_file(connection, claimed, output.output, "output")
            error_id = await self._add_file(connection, claimed, output.errors, "error")
            status = _FINAL_OF[claimed.ending]
            await self._change(
                connection,
                claimed,
                status=status.value,
                output_file_id=output_id,
                error_file_id=error_id,
                completed=output.completed,
                failed=batch.c.total - output.completed,
                **{f"{status.value}_at_ms": self._now()},
            )
            mine = batch_chunk.c.batch_id == claimed.batch_id
            results = (await connection.execute(select(batch_chunk.c.object_id).where(mine))).scalars().all()
            await self._objects.release(connection, [each for each in results if each is not None])
            await self._objects.release(connection, claimed.input_object_ids)
            await connection.execute(delete(batch_chunk).where(mine))
        return status

    async def _queued_tokens(self, connection: AsyncConnection, claimed: Batch, model: str) -> int:
        """Of the project's other batches of the model that have not ended."""
        query = select(func.coalesce(func.sum(batch.c.queued_tokens), 0)).where(
            batch.c.project_id == claimed.project_id,
            batch.c.model == model,
            batch.c.status.in_(_BEFORE_END),
            batch.c.batch_id != claimed.batch_id,
        )
        return int((await connection.execute(query)).scalar_one())

    async def _claim(self, ready: ColumnElement[bool], **values: Any) -> Batch | None:
        free = ready & (batch.c.lease_until_ms <= self._now())
        held = select(batch.c.project_id, func.count().label("held")).where(batch.c.lease_until_ms > self._now())
        held = held.where(batch.c.status.in_({*_BEFORE_VALIDATION, *_BEFORE_END})).group_by(batch.c.project_id)
        busy = held.subquery()
        query = select(batch.c.batch_id).outerjoin(busy, busy.c.project_id == batch.c.project_id).where(free)
        query = query.order_by(func.coalesce(busy.c.held, 0), batch.c.created_at_ms, batch.c.batch_id).limit(1)
        async with self._database.transaction() as connection:
            batch_id = (await connection.execute(query)).scalar()
            if batch_id is None:
                return None
            claimed = {"attempt": batch.c.attempt + 1, "lease_until_ms": self._now() + self._lease_ms}
            this = batch.c.batch_id == batch_id
            await connection.execute(update(batch).where(this).values(claimed | values))
            return batch_of((await connection.execute(select(batch).where(this))).one())

    async def _change(self, connection: AsyncConnection, claimed: Batch, **values: Any) -> Row[Any]:
        """Change the row as the claim's holder, and return it."""
        this = (batch.c.batch_id == claimed.batch_id) & (batch.c.attempt == claimed.attempt)
        running = this & batch.c.status.in_({*_BEFORE_VALIDATION, *_BEFORE_END})
        if (await connection.execute(update(batch).where(running).values(values))).rowcount != 1:
            raise FencedError
        return (await connection.execute(select(batch).where(this))).one()

    async def _final_status(self, connection: AsyncConnection, claimed: Batch) -> BatchStatus | None:
        """The status with which this claim has ended the batch, when an earlier call was committed and its answer lost."""
        query = select(batch.c.status).where(batch.c.batch_id == claimed.batch_id, batch.c.attempt == claimed.attempt)
        status = (await connection.execute(query)).scalar()
        return BatchStatus(status) if status is not None and BatchStatus(status).is_final else None

    async def _add_file(
        self, connection: AsyncConnection, claimed: Batch, stored: StoredObject | None, what: str
    ) -> str | None:
        if stored is None:
            return None
        name = f"{claimed.batch_id}_{what}.jsonl"
        return await self._files.add(connection, stored, name=name, expires_after_s=claimed.output_expires_after_s)

    def _now(self) -> ColumnElement[int]:
        return self._database.time_ms(self._clock.now_ms())


def _finished(row: Any) -> FinishedChunk:
    stored, output_bytes, error_bytes = None, row.output_bytes or 0, row.error_bytes or 0
    if row.object_id is not None:
        stored = StoredObject(row.object_id, row.project_id, output_bytes + error_bytes)
    return FinishedChunk(row.number, plan_of(row), ChunkStatus(row.status), stored, output_bytes, error_bytes)
