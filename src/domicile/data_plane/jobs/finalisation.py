"""Makes the output file and the error file of a batch, each in the order of the input."""

from contextlib import aclosing
from dataclasses import dataclass

from domicile.data_plane.jobs.batch import Batch, ChunkStatus, FinishedChunk
from domicile.data_plane.jobs.batch_leases import BatchLeases, BatchOutput
from domicile.data_plane.jobs.input_content import read_lines
from domicile.data_plane.jobs.results import read_request, unrun
from domicile.data_plane.storage.objects import Objects, ObjectWriter, StoredObject


async def write_output(batch: Batch, leases: BatchLeases, objects: Objects) -> BatchOutput:
    """Write both files as objects that stay once the batch is `finalized`.

    Raises the errors of `Objects` and of the database. Nothing is left of the objects then.
    """
    output, errors = _Part(objects, batch.project_id), _Part(objects, batch.project_id)
    failed = 0
    try:
        async for chunk in leases.chunks(batch):
            if chunk.stored is not None:
                await output.copy(chunk.stored, 0, chunk.output_bytes)
                await errors.copy(chunk.stored, chunk.output_bytes, chunk.stored.size_bytes)
            else:
                await errors.write(await _unrun_lines(batch, chunk, objects))
                failed += chunk.plan.lines
        return BatchOutput(await output.close(), await errors.close(), failed)
    except BaseException:
        await output.abort()
        await errors.abort()
        raise


async def drop_output(output: BatchOutput, objects: Objects) -> None:
    """Delete what `write_output` has written, where another worker has ended the batch."""
    for part in (output.output, output.errors):
        if part is not None:
            await objects.discard(part)


async def _unrun_lines(batch: Batch, chunk: FinishedChunk, objects: Objects) -> bytes:
    why = batch.ending if chunk.status is ChunkStatus.SKIPPED else None
    lines = await read_lines(objects, batch, chunk.plan)
    return b"".join(unrun(batch.batch_id, line.number, read_request(line.text or b""), why).record for line in lines)


@dataclass(slots=True)
class _Part:
    """One of the two objects. It is begun with its first byte, so that an empty file is none."""

    objects: Objects
    project_id: str
    _writer: ObjectWriter | None = None
    _stored: StoredObject | None = None

    async def write(self, data: bytes) -> None:
        if data:
            if self._writer is None:
                self._writer = await self.objects.write(self.project_id)
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
