"""What the operator sees of batches: the queue of the region, and what each worker has done."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update
from tests.component.data_plane.jobs.workshop import Workshop, a_line, lines, workshop
from tests.contract.database.conftest import Open

from domicile.data_plane.jobs import batch_rows, chunk_queue
from domicile.data_plane.jobs.batch import BatchStatus, ChunkStatus
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.queue_state import QueueState, read_queue_state
from domicile.data_plane.tables import batch_chunk


class Counted(JobObserver):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def lines_ended(self, *, completed: int = 0, failed: int = 0, unrun: int = 0) -> None:
        self.counts.update(completed=completed, failed=failed, unrun=unrun)

    def begun_again(self) -> None:
        self.counts["begun_again"] += 1

    def claim_lost(self) -> None:
        self.counts["claim_lost"] += 1

    def batch_ended(self, status: BatchStatus) -> None:
        self.counts[f"batch_{status.value}"] += 1

    def seen(self) -> dict[str, int]:
        return {name: count for name, count in self.counts.items() if count}


@pytest.fixture
async def shop(databases: Open, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path / "shop", await databases("region"), await databases("metering")) as made:
        yield made


async def state_of(shop: Workshop) -> QueueState:
    state = await read_queue_state(shop.database)
    assert state is not None
    return state


async def test_the_queue_counts_what_has_not_ended(shop: Workshop) -> None:
    assert set((await state_of(shop)).batches.values()) == {0}
    first = await shop.batch(lines(60))
    await shop.batch(lines(1))
    state = await state_of(shop)
    assert (state.batches[BatchStatus.VALIDATING], state.oldest_queued_at_ms) == (2, None)
    assert await shop.worker(shop.runner())._work.validate_one()
    claimed = await shop.queue.claim()
    assert claimed is not None
    state, begun = await state_of(shop), await shop.now(first)
    assert (state.batches[BatchStatus.VALIDATING], state.batches[BatchStatus.IN_PROGRESS]) == (1, 1)
    assert state.chunks == {ChunkStatus.QUEUED: 2, ChunkStatus.RUNNING: 1}
    assert state.oldest_queued_at_ms == begun.in_progress_at_ms is not None
    await shop.rows.cancel(first.project_id, first.batch_id)
    state = await state_of(shop)
    assert (state.batches[BatchStatus.CANCELLING], state.batches[BatchStatus.IN_PROGRESS]) == (1, 0)
    assert state.chunks == {ChunkStatus.QUEUED: 0, ChunkStatus.RUNNING: 1}
    assert state.oldest_queued_at_ms is None


async def test_a_worker_counts_lines_by_outcome_and_batches_by_status(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chunk_queue, batch_rows):
        monkeypatch.setattr(module, "ATTEMPTS_MAX", 3)
    seen = Counted()
    content = (
        a_line(1, do="fail") + lines(25)[len(a_line(1)) :] + b"".join(a_line(each, do="raise") for each in (26, 27))
    )
    batch, broken = await shop.batch(content), await shop.batch(b"{}\n")
    async with shop.working(shop.runner(), observer=seen):
        for each in (batch, broken):
            await shop.ended(each)
    assert seen.seen() == {
        **{"completed": 24, "failed": 1, "unrun": 2, "begun_again": 2},
        **{"batch_completed": 1, "batch_failed": 1},
    }


async def test_a_worker_counts_the_claims_that_it_loses(shop: Workshop) -> None:
    seen, runner = Counted(), shop.runner(hold=asyncio.Event())
    batch = await shop.batch(lines(5))
    async with shop.working(runner, observer=seen):
        await asyncio.wait_for(runner.begun.wait(), 60)
        async with shop.database.transaction() as connection:
            # As another worker's claim would.
            await connection.execute(update(batch_chunk).values(attempt=batch_chunk.c.attempt + 1))
        async with asyncio.timeout(60):
            while not seen.seen():
                await asyncio.sleep(0.01)
        runner.hold = None
        async with shop.database.transaction() as connection:
            await connection.execute(update(batch_chunk).values(lease_until_ms=0))
        await shop.ended(batch)
    assert seen.seen() == {"claim_lost": 1, "begun_again": 1, "completed": 5, "batch_completed": 1}
