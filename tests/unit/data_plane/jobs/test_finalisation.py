"""Which chunks are read together when the files of a batch are made."""

from collections.abc import AsyncIterator, Sequence

from domicile.data_plane.jobs.batch import ChunkPlan, ChunkStatus, FinishedChunk
from domicile.data_plane.jobs.finalisation import _together
from domicile.data_plane.jobs.validation import CHUNK_BYTES
from domicile.data_plane.storage.objects import StoredObject

DONE, SKIPPED, ABANDONED = ChunkStatus.DONE, ChunkStatus.SKIPPED, ChunkStatus.ABANDONED


async def groups(statuses: Sequence[ChunkStatus], *, lines_max: int = 500, length: int = 1000) -> list[list[int]]:
    """The numbers of chunks with these statuses, in their groups."""

    async def chunks() -> AsyncIterator[FinishedChunk]:
        for number, status in enumerate(statuses):
            plan = ChunkPlan(number * length, length, number * 25 + 1, 25)
            stored = StoredObject(f"obj_{number}", "proj", 10) if status is DONE else None
            yield FinishedChunk(number, plan, status, stored, 10, 0)

    return [[chunk.number for chunk in group] async for group in _together(chunks(), lines_max)]


async def test_neighbours_that_never_ran_for_one_reason_are_read_together() -> None:
    statuses = [SKIPPED, SKIPPED, DONE, DONE, ABANDONED, SKIPPED, SKIPPED, SKIPPED, DONE]
    assert await groups(statuses) == [[0, 1], [2], [3], [4], [5, 6, 7], [8]]
    assert await groups([]) == []


async def test_their_lines_and_bytes_are_bounded() -> None:
    assert [len(group) for group in await groups([SKIPPED] * 45)] == [20, 20, 5]
    assert [len(group) for group in await groups([SKIPPED] * 5, length=CHUNK_BYTES // 2)] == [2, 2, 1]
    assert [len(group) for group in await groups([SKIPPED] * 2, lines_max=0)] == [1, 1]
    assert await groups([SKIPPED] * 2, length=3 * CHUNK_BYTES) == [[0], [1]]
