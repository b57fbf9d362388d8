"""Runs the lines of one chunk, several at once, and stores their results as one object."""

import asyncio
from collections.abc import Callable

from domicile.data_plane.jobs.batch import ChunkResult, ClaimedChunk, Ending
from domicile.data_plane.jobs.input_lines import InputLine
from domicile.data_plane.jobs.line import RunLine
from domicile.data_plane.jobs.results import LineResult, answered, read_request, unrun, usage_of
from domicile.data_plane.storage.objects import Objects

Ended = Callable[[], Ending | None]
"""Why no further line may begin, once that is known."""


async def run_lines(
    chunk: ClaimedChunk, lines: list[InputLine], runner: RunLine, gate: asyncio.Semaphore, ended: Ended
) -> list[LineResult]:
    """The results of all lines, in their order. `gate` bounds the lines that a worker runs at once.

    Raises what the runner raises; the other lines are cancelled then.
    """

    async def run(line: InputLine) -> LineResult:
        request = read_request(line.text or b"")
        async with gate:
            why = ended()
            if why is not None:
                return unrun(chunk.batch.batch_id, line.number, request.custom_id, why)
            reply = await runner.run(request, chunk.batch, line.number)
        return answered(chunk.batch.batch_id, line.number, request, reply)

    running = [asyncio.create_task(run(line)) for line in lines]
    try:
        return list(await asyncio.gather(*running))
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def store_results(objects: Objects, chunk: ClaimedChunk, results: list[LineResult]) -> ChunkResult:
    """Write the results as an object that stays once it is committed. Raises the errors of `Objects.write`."""
    output = b"".join(result.record for result in results if result.is_success)
    errors = b"".join(result.record for result in results if not result.is_success)
    writer = await objects.write(chunk.batch.project_id)
    try:
        for part in (output, errors):
            await writer.write(part)
        stored = await writer.close()
    except BaseException:
        await writer.abort()
        raise
    completed = sum(result.is_success for result in results)
    entries = tuple(entry for result in results for entry in result.entries)
    return ChunkResult(
        stored=stored,
        output_bytes=len(output),
        error_bytes=len(errors),
        completed=completed,
        failed=len(results) - completed,
        usage=usage_of(entries),
        entries=entries,
    )
