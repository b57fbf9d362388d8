"""Makes the output file and the error file of a batch, each in the order of the input.

What the store has lost must not keep the batch from its end. After `ATTEMPTS_MAX` attempts the lines whose results cannot be
read stand in the error file, and those whose request cannot be read stand there without their `custom_id`.
"""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from domicile.data_plane.jobs.batch import ATTEMPTS_MAX, Batch, ChunkPlan, ChunkStatus, Ending, FinishedChunk
from domicile.data_plane.jobs.batch_leases import BatchLeases, BatchOutput
from domicile.data_plane.jobs.input_content import read_lines
from domicile.data_plane.jobs.results import Loss, read_request, unrun
from domicile.data_plane.jobs.validation import CHUNK_BYTES
from domicile.data_plane.storage.object_store import ObjectMissingError
from domicile.data_plane.storage.objects import Objects, ObjectWriter, StoredObject
from domicile.data_plane.storage.sealing import DamagedObjectError
from domicile.process.off_loop import off_loop

_LINES_TOGETHER = 500
"""Lines that never ran and are read at once. With one read for each chunk, 50,000 took 2.3 CPU-s instead of 0.3."""


async def write_output(batch: Batch, leases: BatchLeases, objects: Objects) -> BatchOutput:
    """Write both files as objects that stay once the batch is `finalized`.

    Raises the errors of `Objects` and of the database. Nothing is left of the objects then.
    """
    output, errors = _Part(objects, batch.project_id), _Part(objects, batch.project_id)
    takes_losses = batch.faulty_attempts > ATTEMPTS_MAX
    try:
        # What is lost of the input is lost for its own chunk only.
        async for chunks in _together(leases.chunks(batch), _LINES_TOGETHER if not takes_losses else 0):
            chunk = chunks[0]
            if chunk.stored is None or (takes_losses and not await _is_readable(chunk.stored, objects)):
                await errors.write(await _lines_without_results(batch, chunks, objects, takes_losses=takes_losses))
            else:
                await output.copy(chunk.stored, 0, chunk.output_bytes)
                await errors.copy(chunk.stored, chunk.output_bytes, chunk.stored.size_bytes)
        return BatchOutput(await output.close(), await errors.close(), output.lines)
    except BaseException:
        await output.abort()
        await errors.abort()
        raise


async def drop_output(output: BatchOutput, objects: Objects) -> None:
    """Delete what `write_output` has written, where another worker has ended the batch."""
    for part in (output.output, output.errors):
        if part is not None:
            await objects.discard(part)


async def _together(chunks: AsyncIterator[FinishedChunk], lines_max: int) -> AsyncIterator[list[FinishedChunk]]:
    """Yield chunks without results in groups of up to `lines_max` lines, and each other chunk alone."""
    group: list[FinishedChunk] = []
    async for chunk in chunks:
        if group and not _belongs(chunk, group, lines_max):
            yield group
            group = []
        group.append(chunk)
    if group:
        yield group


def _belongs(chunk: FinishedChunk, group: list[FinishedChunk], lines_max: int) -> bool:
    plans = [each.plan for each in (*group, chunk)]
    return (
        chunk.stored is None
        and group[-1].stored is None
        and chunk.status is group[-1].status
        and sum(plan.lines for plan in plans) <= lines_max
        and sum(plan.byte_length for plan in plans) <= CHUNK_BYTES
    )


def _plan_of_all(chunks: list[FinishedChunk]) -> ChunkPlan:
    """The place of consecutive chunks in the input, with the blank lines between them."""
    first, last = chunks[0].plan, chunks[-1].plan
    length = last.byte_offset + last.byte_length - first.byte_offset
    return ChunkPlan(first.byte_offset, length, first.first_line, sum(chunk.plan.lines for chunk in chunks))


async def _lines_without_results(
    batch: Batch, chunks: list[FinishedChunk], objects: Objects, *, takes_losses: bool
) -> bytes:
    """The lines of the chunks for the error file, each with the reason."""
    chunk, plan = chunks[0], _plan_of_all(chunks)
    why: Ending | Loss = Loss.ENDED_THE_WORKER
    if chunk.status is ChunkStatus.SKIPPED and batch.ending is not None:
        why = batch.ending
    elif chunk.status is ChunkStatus.DONE:
        why = Loss.OF_THE_RESULT
    try:
        lines = await read_lines(objects, batch, plan)
    except (ObjectMissingError, DamagedObjectError):
        if not takes_losses:
            raise
        numbers = range(plan.first_line, plan.first_line + plan.lines)
        return b"".join(unrun(batch.batch_id, number, None, Loss.OF_THE_REQUEST).record for number in numbers)

    def records() -> bytes:
        named = ((line.number, read_request(line.text or b"").custom_id) for line in lines)
        return b"".join(unrun(batch.batch_id, number, custom_id, why).record for number, custom_id in named)

    return await off_loop(records, plan.byte_length, batch.project_id)


async def _is_readable(stored: StoredObject, objects: Objects) -> bool:
    try:
        async with aclosing(objects.read(stored)) as pieces:
            async for _ in pieces:
                pass
    except (ObjectMissingError, DamagedObjectError):
        return False
    return True


@dataclass(slots=True)
class _Part:
    """One of the two objects. It is begun with its first byte, so that an empty file is none."""

    objects: Objects
    project_id: str
    lines: int = 0
    _writer: ObjectWriter | None = None
    _stored: StoredObject | None = None

    async def write(self, data: bytes) -> None:
        if data:
            if self._writer is None:
                self._writer = await self.objects.write(self.project_id)
            self.lines += data.count(b"\n")
            await self._writer.write(data)

    async def copy(self, stored: StoredObject, start: int, end: int) -> None:
        if start < end:
            async with aclosing(self.objects.read(stored, start, end)) as pieces:
                async for piece in pieces:
                    await self.write(piece)

    async def close(self) -> StoredObject | None:
        self._stored = None if self._writer is None else await self._writer.close()
        return self._stored

    async def abort(self) -> None:
        if self._writer is not None:
            await self._writer.abort()
