"""Workers that are killed, and a database that goes away, in the middle of a batch."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.component.data_plane.jobs.workshop import Workshop, lines, workshop
from tests.contract.database.conftest import MIGRATIONS, Open
from tests.contract.database.test_batches import check_invariant
from tests.platform.postgresql import PostgresServer
from tests.platform.processes import Process
from tests.unit.data_plane.metering.entries import in_ledger

from domicile.data_plane.jobs.batch import Batch, BatchStatus
from domicile.persistence.database import Database
from domicile.persistence.migration import migrate

LEASE_MS = 1_500


@asynccontextmanager
async def worker_process(shop: Workshop, *, answers: int) -> AsyncIterator[Process]:
    arguments = (str(shop.folder), shop.database.url, shop.metering.url, str(LEASE_MS), str(answers))
    log = shop.folder / "worker.log"
    process = Process("tests.component.data_plane.jobs.killed_worker", *arguments, log=log).start()
    try:
        yield process
    finally:
        process.kill()


async def until_called(shop: Workshop, count: int, *, within_s: float = 120) -> None:
    """Until so many lines have been begun, by any worker."""
    runner = shop.runner()
    async with asyncio.timeout(within_s):
        while len(runner.calls_made()) < count:
            await asyncio.sleep(0.05)


async def check_once(shop: Workshop, batch: Batch, total: int) -> None:
    there, _ = await check_invariant(shop, batch, total)
    assert len(there) == total
    rows = await in_ledger(shop.metering)
    assert len(rows) == total
    found = await shop.now(batch)
    assert found.usage.input_tokens == sum(row.input_tokens for row in rows)


async def killed_through(shop: Workshop, *, total: int, kills: int, within_s: float) -> None:
    """A batch of so many lines, through so many kills at random moments."""
    batch = await shop.batch(lines(total))
    chance = random.Random(total)
    for _ in range(kills):
        answers, made = chance.randrange(1, total // kills), len(shop.runner().calls_made())
        async with worker_process(shop, answers=answers) as process:
            await until_called(shop, made + answers + 1, within_s=within_s)
            process.kill()
        assert (await shop.now(batch)).status is BatchStatus.IN_PROGRESS
    async with worker_process(shop, answers=total):
        ended = await shop.ended(batch, within_s=within_s)
    assert ended.status is BatchStatus.COMPLETED
    await check_once(shop, batch, total)


@pytest.fixture
async def shop(databases: Open, tmp_path: Path) -> AsyncIterator[Workshop]:
    made = workshop(tmp_path / "shop", await databases("region"), await databases("metering"), lease_ms=LEASE_MS)
    async with made as opened:
        yield opened


async def test_every_line_once_though_workers_are_killed(shop: Workshop) -> None:
    await killed_through(shop, total=200, kills=2, within_s=90)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_every_line_of_a_large_batch_once_though_workers_are_killed(shop: Workshop) -> None:
    await killed_through(shop, total=2000, kills=10, within_s=600)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_every_line_of_the_largest_batch_once_though_a_worker_is_killed(shop: Workshop) -> None:
    await killed_through(shop, total=50_000, kills=1, within_s=1500)


async def test_a_cancelled_batch_whose_worker_was_killed_ends(shop: Workshop) -> None:
    batch = await shop.batch(lines(100))
    async with worker_process(shop, answers=0) as process:
        await until_called(shop, 5)
        process.kill()
    await shop.rows.cancel(batch.project_id, batch.batch_id)
    async with shop.working(shop.runner()):
        assert (await shop.ended(batch)).status is BatchStatus.CANCELLED
    there, _ = await check_invariant(shop, batch, 100)
    assert there == []


async def test_a_batch_goes_on_after_its_database_was_restarted(postgresql: PostgresServer, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        databases = {}
        for schema in ("region", "metering"):
            url = postgresql.database()
            await migrate(url, MIGRATIONS[schema])
            databases[schema] = Database(url)
            stack.push_async_callback(databases[schema].close)
        shop = await stack.enter_async_context(
            workshop(tmp_path / "shop", databases["region"], databases["metering"], lease_ms=10_000)
        )
        batch = await shop.batch(lines(300, wait_s=0.01))
        runner = shop.runner()
        async with shop.working(runner, lines_at_once=8):
            for each in (1, 2):
                await until_called(shop, 60 * each)
                await asyncio.to_thread(postgresql.restart)
            ended = await shop.ended(batch)
        assert ended.status is BatchStatus.COMPLETED
        await check_once(shop, batch, 300)
        # Results outlive the restarts: only chunks whose claim was committed and its answer lost run again.
        assert len(runner.calls_made()) <= 300 + 2 * 25
