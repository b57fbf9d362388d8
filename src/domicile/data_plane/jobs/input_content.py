"""The bytes of a batch's input, from the objects that hold it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from domicile.data_plane.jobs.batch import Batch, ChunkPlan
from domicile.data_plane.jobs.input_lines import InputLine, lines_of
from domicile.data_plane.storage.objects import Objects


async def read_input(objects: Objects, batch: Batch, start: int, end: int) -> AsyncGenerator[bytes, None]:
    """Yield the bytes `start` to `end` (exclusive), in pieces of at most 4 MiB. Raises the errors of `Objects.read`."""
    before = 0
    for part in batch.input:
        first, last = max(start - before, 0), min(end - before, part.size_bytes)
        before += part.size_bytes
        if first < last:
            async with aclosing(objects.read(part, first, last)) as pieces:
                async for piece in pieces:
                    yield piece


async def read_lines(objects: Objects, batch: Batch, plan: ChunkPlan) -> list[InputLine]:
    """The lines of a chunk. Raises the errors of `Objects.read`."""
    start = plan.byte_offset
    async with aclosing(read_input(objects, batch, start, start + plan.byte_length)) as pieces:
        content = b"".join([piece async for piece in pieces])
    return lines_of(content, number=plan.first_line, offset=start)
