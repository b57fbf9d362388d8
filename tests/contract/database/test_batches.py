"""Batches on both databases: every line once, whatever ends, and whoever runs them."""

import asyncio
import dataclasses
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update
from structlog.testing import capture_logs
from tests.component.data_plane.jobs.workshop import QUICK, Workshop, a_line, lines, workshop
from tests.contract.database.conftest import Open
from tests.platform.full_disk import files_of_at_most
from tests.unit.data_plane.metering.entries import in_ledger
from tests.unit.data_plane.region_parts import PROJECT

from domicile.data_plane.jobs import batch_rows, chunk_queue
from domicile.data_plane.jobs.batch import ATTEMPTS_MAX, Batch, BatchStatus, ChunkPlan, ChunkResult, Claim, Ending
from domicile.data_plane.jobs.batch_leases import FencedError
from domicile.data_plane.jobs.chunk_run import run_lines, store_results
from domicile.data_plane.jobs.finalisation import drop_output, write_output
from domicile.data_plane.jobs.input_content import read_lines
from domicile.data_plane.jobs.line import NotNowError, RunLine
from domicile.data_plane.jobs.pace import Pace
from domicile.data_plane.jobs.results import LineReply, line_id
from domicile.data_plane.jobs.usage import MeteredUsage
from domicile.data_plane.jobs.worker import CHUNKS_AT_ONCE
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.region_errors import Unavailability
from domicile.data_plane.storage.object_store import ObjectStore, ObjectStoreUnavailableError
from domicile.data_plane.storage.object_stores import CustomerBucket, ExternalStorageUnavailableError, OwnStoreOnly
from domicile.data_plane.tables import batch as batch_table
from domicile.data_plane.tables import batch_chunk, stored_object
from domicile.openai_api.batches import BatchRequest

OTHER = "proj_" + "Q" * 24


@pytest.fixture
async def shop(databases: Open, tmp_path: Path) -> AsyncIterator[Workshop]:
    async with workshop(tmp_path / "shop", await databases("region"), await databases("metering")) as made:
        yield made


def numbers(records: list[dict[str, str]]) -> list[int]:
    return [int(record["custom_id"].removeprefix("line-")) for record in records]


async def check_invariant(shop: Workshop, batch: Batch, total: int) -> tuple[list[int], list[int]]:
    """Lines in = lines in the output file + lines in the error file, each once, each file in the order of the input."""
    output, errors = await shop.results(batch)
    there, lacking = numbers(output), numbers(errors)
    assert there == sorted(there)
    assert lacking == sorted(lacking)
    assert sorted(there + lacking) == list(range(1, total + 1))
    found = await shop.now(batch)
    assert (found.total, found.completed, found.failed) == (total, len(there), len(lacking))
    return there, lacking


async def test_every_line_ends_in_one_of_the_two_files(shop: Workshop) -> None:
    bad = {3, 30, 60}
    content = b"".join(a_line(each, **({"do": "fail"} if each in bad else {})) for each in range(1, 61))
    batch = await shop.batch(content, output_expires_after_s=3600)
    runner = shop.runner()
    async with shop.working(runner, lines_at_once=7):
        ended = await shop.ended(batch)
    assert ended.status is BatchStatus.COMPLETED
    assert ended.model == "gpt-4o-2024-08-06"
    _, errors = await check_invariant(shop, batch, 60)
    assert set(errors) == bad
    assert runner.running_most == 7
    assert (ended.usage.input_tokens, ended.usage.output_tokens) == (57 * 3, 57 * 2)
    assert [row.batch for row in await in_ledger(shop.metering)] == [True] * 57
    times = [ended.created_at_ms, ended.in_progress_at_ms, ended.finalizing_at_ms, ended.completed_at_ms]
    assert times == sorted(each for each in times if each is not None)
    assert (ended.failed_at_ms, ended.cancelled_at_ms, ended.expired_at_ms) == (None, None, None)


async def test_no_step_of_a_batch_waits_for_the_next_look(shop: Workshop) -> None:
    batch = await shop.batch(lines(30))
    async with shop.working(shop.runner(), pace=replace(QUICK, idle_s=3600)):
        assert (await shop.ended(batch)).status is BatchStatus.COMPLETED


async def test_when_all_lines_fail_it_completes_without_an_output_file(shop: Workshop) -> None:
    batch = await shop.batch(lines(30, do="fail"))
    async with shop.working(shop.runner()):
        ended = await shop.ended(batch)
    assert ended.status is BatchStatus.COMPLETED
    assert ended.output_file_id is None
    assert await check_invariant(shop, batch, 30) == ([], list(range(1, 31)))


async def test_a_cancelled_batch_delivers_what_is_done(shop: Workshop) -> None:
    batch = await shop.batch(lines(200))
    runner = shop.runner(hold=asyncio.Event())
    async with shop.working(runner, lines_at_once=10):
        async with asyncio.timeout(60):
            await runner.begun.wait()
        cancelled = await shop.rows.cancel(PROJECT, batch.batch_id)
        assert cancelled is not None
        assert cancelled.status is BatchStatus.CANCELLING
        assert runner.hold is not None
        runner.hold.set()
        ended = await shop.ended(batch)
    assert ended.status is BatchStatus.CANCELLED
    there, _ = await check_invariant(shop, batch, 200)
    assert 10 <= len(there) <= 100, "four chunks are open at once, and the others never begin"
    _, errors = await shop.results(batch)
    assert {record["error"]["code"] for record in errors} == {"batch_cancelled"}
    assert len(runner.calls_made()) == len(there)
    again = await shop.rows.cancel(PROJECT, batch.batch_id)
    assert again == ended


async def test_a_batch_cancelled_before_its_validation_names_every_line(shop: Workshop) -> None:
    batch = await shop.batch(lines(60))
    await shop.rows.cancel(PROJECT, batch.batch_id)
    runner = shop.runner()
    async with shop.working(runner):
        ended = await shop.ended(batch)
    assert (ended.status, ended.in_progress_at_ms) == (BatchStatus.CANCELLED, None)
    assert await check_invariant(shop, batch, 60) == ([], list(range(1, 61)))
    assert runner.calls_made() == []


async def test_lines_that_never_ran_are_numbered_as_in_the_input(shop: Workshop) -> None:
    # Blank lines count, and those between two chunks belong to neither.
    content = b"\n".join([b"", lines(25), b"\r\n", lines(75)[len(lines(25)) :], b""])
    batch = await shop.batch(content)
    await shop.rows.cancel(PROJECT, batch.batch_id)
    async with shop.working(shop.runner()):
        await shop.ended(batch)
    _, errors = await shop.results(batch)
    numbered = [(number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip()]
    expected = [(line_id(batch.batch_id, number), json.loads(line)["custom_id"]) for number, line in numbered]
    assert [(record["id"], record["custom_id"]) for record in errors] == expected
    assert len(expected) == 75


async def test_a_batch_expires_with_what_is_done(shop: Workshop) -> None:
    batch = await shop.batch(lines(150))
    runner = shop.runner(hold=asyncio.Event())
    async with shop.working(runner, lines_at_once=10):
        async with asyncio.timeout(60):
            await runner.begun.wait()
        async with shop.database.transaction() as connection:
            await connection.execute(update(batch_table).values(expires_at_ms=1))
        async with asyncio.timeout(60):
            while (await shop.now(batch)).ending is None:
                await asyncio.sleep(0.01)
        assert runner.hold is not None
        runner.hold.set()
        ended = await shop.ended(batch)
    assert (ended.status, ended.cancelling_at_ms) == (BatchStatus.EXPIRED, None)
    there, _ = await check_invariant(shop, batch, 150)
    assert 10 <= len(there) <= 100
    _, errors = await shop.results(batch)
    assert {record["error"]["code"] for record in errors} == {"batch_expired"}


async def test_an_ended_batch_leaves_its_files_alone(shop: Workshop) -> None:
    """Its chunks are gone, and with them their objects. The input goes when its file has gone too."""
    # More chunks than a worker has open: some are read after the file has gone.
    batch = await shop.batch(lines(160))
    file = await shop.files.find(PROJECT, batch.input_file_id)
    assert file is not None
    runner = shop.runner(hold=asyncio.Event())
    async with shop.working(runner):
        async with asyncio.timeout(60):
            await runner.begun.wait()
        await shop.files.delete(file)
        await shop.objects.sweep()
        assert runner.hold is not None
        runner.hold.set()
        await shop.ended(batch)
    await check_invariant(shop, batch, 160)
    await shop.objects.sweep()
    async with shop.database.reading() as connection:
        assert (await connection.execute(select(batch_chunk))).all() == []
        left = (await connection.execute(select(stored_object.c.object_id))).scalars().all()
    ended = await shop.now(batch)
    output = await shop.files.find(PROJECT, ended.output_file_id or "")
    assert output is not None
    assert left == [output.parts[0].object_id]


async def test_lines_that_end_every_worker_end_in_the_error_file(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (chunk_queue, batch_rows):
        monkeypatch.setattr(module, "ATTEMPTS_MAX", 3)
    content = lines(25) + a_line(26, do="raise") + b"".join(a_line(each) for each in range(27, 61))
    batch = await shop.batch(content)
    async with shop.working(shop.runner()):
        ended = await shop.ended(batch)
    assert ended.status is BatchStatus.COMPLETED
    _, lacking = await check_invariant(shop, batch, 60)
    assert lacking == list(range(26, 51))


async def test_lines_that_cannot_run_now_wait_and_then_run(shop: Workshop) -> None:
    batch, runner = await shop.batch(lines(30)), shop.runner()
    async with shop.working(Unavailable(runner, times=30)):
        assert (await shop.ended(batch)).status is BatchStatus.COMPLETED
    assert (await check_invariant(shop, batch, 30))[1] == []


@dataclass
class Unavailable:
    """No engine answers, so many times."""

    runner: RunLine
    times: int

    async def run(self, request: BatchRequest, batch: Batch, line: int) -> LineReply:
        self.times -= 1
        if self.times >= 0:
            raise NotNowError
        return await self.runner.run(request, batch, line)


async def test_batches_of_projects_that_are_archived_are_cancelled(shop: Workshop) -> None:
    batch = await shop.batch(lines(200, wait_s=0.01))
    async with shop.working(shop.runner(), archived=[PROJECT], lines_at_once=1):
        assert (await shop.ended(batch)).status is BatchStatus.CANCELLED
    await check_invariant(shop, batch, 200)


async def test_a_destroyed_project_leaves_no_row_and_no_result(shop: Workshop) -> None:
    batch = await shop.batch(lines(60))
    runner = shop.runner(hold=asyncio.Event())
    async with shop.working(runner):
        async with asyncio.timeout(60):
            await runner.begun.wait()
        await shop.objects.destroy(PROJECT)
        await shop.rows.destroy(PROJECT)
        assert runner.hold is not None
        runner.hold.set()
        other = await shop.batch(lines(5), project_id=OTHER)
        await shop.ended(other)
    assert await shop.rows.find(PROJECT, batch.batch_id) is None
    async with shop.database.reading() as connection:
        owners = (await connection.execute(select(stored_object.c.project_id).distinct())).scalars().all()
    assert owners == [OTHER]


async def test_small_batches_do_not_wait_for_a_large_one(shop: Workshop) -> None:
    """Not of another project, and not of the same one."""
    large = await shop.batch(lines(2000, wait_s=0.01))
    async with shop.working(shop.runner(), lines_at_once=8):
        async with asyncio.timeout(60):
            while (await shop.now(large)).completed < 50:
                await asyncio.sleep(0.02)
        small = [await shop.batch(lines(50), project_id=each) for each in (OTHER, PROJECT)]
        for batch in small:
            await shop.ended(batch)
        assert (await shop.now(large)).status is BatchStatus.IN_PROGRESS
    for batch in small:
        await check_invariant(shop, batch, 50)


async def test_turns_go_to_the_project_with_the_fewest_running_chunks(shop: Workshop) -> None:
    await shop.batch(lines(100))
    await shop.batch(lines(100))
    await shop.batch(lines(100), project_id=OTHER)
    work = shop.worker(shop.runner())._work
    while await work.validate_one():
        pass
    claimed = [await shop.queue.claim() for _ in range(6)]
    assert sorted(Counter(each.batch.project_id for each in claimed if each is not None).values()) == [3, 3]
    of_batches = Counter(each.batch.batch_id for each in claimed if each is not None)
    assert sorted(of_batches.values()) == [1, 2, 3]


async def test_two_workers_share_a_batch_and_never_run_a_line_twice(shop: Workshop) -> None:
    batch = await shop.batch(lines(300, wait_s=0.005))
    one, other = shop.runner(), shop.runner()
    async with shop.working(one), shop.working(other):
        await shop.ended(batch)
    await check_invariant(shop, batch, 300)
    assert len(one.calls_made()) == 300
    assert len(await in_ledger(shop.metering)) == 300


@pytest.fixture
async def late(databases: Open, tmp_path: Path) -> AsyncIterator[Workshop]:
    """Leases here are over at once, as they are for a machine that was suspended."""
    made = workshop(tmp_path / "shop", await databases("region"), await databases("metering"), lease_ms=0)
    async with made as opened:
        yield opened


async def run_chunk(shop: Workshop) -> tuple[Claim, ChunkResult]:
    """The results of the next chunk, which are not committed yet."""
    claimed = await shop.queue.claim()
    assert claimed is not None
    content = await read_lines(shop.objects, claimed.batch, claimed.plan)
    done = await run_lines(claimed, content, shop.runner(), asyncio.Semaphore(25), lambda: None)
    return claimed.claim, await store_results(shop.objects, claimed, done)


async def test_a_worker_whose_lease_was_taken_commits_nothing(late: Workshop) -> None:
    batch = await late.batch(lines(25))
    assert await late.worker(late.runner())._work.validate_one()
    (first, lost), (second, kept) = [await run_chunk(late) for _ in range(2)]
    assert not await late.queue.commit(first, lost)
    assert await late.queue.commit(second, kept)
    assert await late.queue.commit(second, kept), "a repeated commit whose first answer was lost"
    assert not await late.queue.commit(first, lost)
    assert (await late.now(batch)).completed == 25


async def test_the_usage_of_a_worker_that_died_after_its_commit_is_counted_once(late: Workshop) -> None:
    batch = await late.batch(lines(25))
    assert await late.worker(late.runner())._work.validate_one()
    claim, result = await run_chunk(late)
    assert await late.queue.commit(claim, result)
    assert await late.leases.claim_finalisation() is None, "its usage is not in the ledger yet"
    # It may have got as far as the ledger, and not to its own row.
    await MeteredUsage(late.meter).record(result.entries[:10])
    async with late.working(late.runner()):
        await late.ended(batch)
    assert len(await in_ledger(late.metering)) == 25


@dataclass
class HeldLedger:
    """Takes nothing before it is released, as a meter that writes twice a second."""

    released: asyncio.Event
    calls: list[int]

    async def record(self, entries: Sequence[LedgerEntry]) -> None:
        self.calls.append(len(entries))
        await self.released.wait()


async def test_the_usage_of_many_chunks_is_metered_together(shop: Workshop) -> None:
    batch, ledger = await shop.batch(lines(500)), HeldLedger(asyncio.Event(), [])
    async with shop.working(shop.runner(), ledger=ledger):
        async with asyncio.timeout(60):
            while (await shop.now(batch)).completed < 500:
                await asyncio.sleep(0.01)
        assert (await shop.now(batch)).status is BatchStatus.IN_PROGRESS
        ledger.released.set()
        await shop.ended(batch)
    assert sum(ledger.calls) == 500
    assert len(ledger.calls) <= 3


async def test_usage_that_waits_for_longer_than_a_lease_is_not_recorded_twice(late: Workshop) -> None:
    await late.batch(lines(75))
    ledger = HeldLedger(asyncio.Event(), [])
    worker = late.worker(late.runner(), ledger=ledger)
    assert await worker._work.validate_one()
    for _ in range(3):
        # Each chunk is committed before the next is claimed: leases are over at once.
        assert await late.queue.commit(*await run_chunk(late))
    metering = asyncio.create_task(worker._meter())
    for _ in range(5):
        await worker._watch()
    ledger.released.set()
    async with asyncio.timeout(60):
        while await late.queue.unmetered(10):
            await asyncio.sleep(0.01)
    metering.cancel()
    assert sum(ledger.calls) == 75


async def test_a_validation_that_was_left_begins_again(late: Workshop) -> None:
    batch = await late.batch(lines(30))
    left = await late.leases.claim_validation()
    assert left is not None
    assert await late.worker(late.runner())._work.validate_one()
    with pytest.raises(FencedError):
        await late.leases.validated(left, "gpt-4-0613", [ChunkPlan(0, 1, 1, 1)])
    found = await late.now(batch)
    assert (found.model, found.total) == ("gpt-4o-2024-08-06", 30)


async def test_the_tokens_of_batches_that_have_not_ended_are_limited(shop: Workshop) -> None:
    """About 12 tokens a line."""
    shop.queue_tokens_max = 500
    worker = shop.worker(shop.runner())
    first = await shop.batch(lines(30))
    assert await worker._work.validate_one()
    other = await shop.batch(lines(30), project_id=OTHER)
    beyond = await shop.batch(lines(30))
    assert await worker._work.validate_one()
    assert await worker._work.validate_one()
    found = [await shop.now(each) for each in (first, other, beyond)]
    assert [each.status.value for each in found] == ["in_progress", "in_progress", "failed"]
    sealed = found[2].errors
    assert sealed is not None
    (error,) = (await shop.texts.open_errors(PROJECT, beyond.batch_id, sealed)).data
    assert (error.code, error.line) == ("token_limit_exceeded", None)
    assert error.message == (
        "Enqueued token limit reached for gpt-4o-2024-08-06 in your project. Limit: 500 enqueued tokens. "
        "Please try again once some in_progress batches have been completed."
    )
    async with shop.working(shop.runner()):
        assert (await shop.ended(first)).status is BatchStatus.COMPLETED
        again = await shop.ended(await shop.batch(lines(30)))
        assert again.status is BatchStatus.COMPLETED
        alone = await shop.ended(await shop.batch(lines(70)))
    assert alone.errors is not None
    (error,) = (await shop.texts.open_errors(PROJECT, alone.batch_id, alone.errors)).data
    assert error.message.endswith("split it.")


@pytest.mark.parametrize("ending", ["cancelled", "expired"])
async def test_a_batch_that_is_cancelled_or_expires_gives_its_tokens_back(shop: Workshop, ending: str) -> None:
    shop.queue_tokens_max = 500
    held, hold = await shop.batch(lines(30)), asyncio.Event()
    async with shop.working(shop.runner(hold=hold), lines_at_once=1):
        await until_status(shop, held, BatchStatus.IN_PROGRESS)
        assert (await shop.ended(await shop.batch(lines(30)))).status is BatchStatus.FAILED
        if ending == "cancelled":
            await shop.rows.cancel(PROJECT, held.batch_id)
        else:
            async with shop.database.transaction() as connection:
                over = update(batch_table).where(batch_table.c.batch_id == held.batch_id).values(expires_at_ms=1)
                await connection.execute(over)
        async with asyncio.timeout(60):
            while (await shop.now(held)).ending is None:
                await asyncio.sleep(0.02)
        hold.set()
        assert (await shop.ended(held)).status.value == ending
        assert (await shop.ended(await shop.batch(lines(30)))).status is BatchStatus.COMPLETED


async def until_status(shop: Workshop, batch: Batch, status: BatchStatus) -> None:
    async with asyncio.timeout(60):
        while (await shop.now(batch)).status is not status:
            await asyncio.sleep(0.02)


async def test_of_two_that_finalize_one_ends_the_batch(late: Workshop) -> None:
    batch = await late.batch(lines(25))
    assert await late.worker(late.runner())._work.validate_one()
    claim, result = await run_chunk(late)
    assert await late.queue.commit(claim, result)
    await late.queue.metered([claim])
    slow, quick = [await late.leases.claim_finalisation() for _ in range(2)]
    assert slow is not None
    assert quick is not None
    lost, kept = [await write_output(each, late.leases, late.objects) for each in (slow, quick)]
    for _ in range(2):
        await late.leases.finalized(quick, kept)
    with pytest.raises(FencedError):
        await late.leases.finalized(slow, lost)
    await drop_output(lost, late.objects)
    await check_invariant(late, batch, 25)
    await late.objects.sweep()
    names = [name async for name in late.stores.own.names()]
    assert len(names) == 2, "the input and one output"


@pytest.mark.parametrize("input_is_lost", [False, True])
async def test_a_batch_ends_although_its_store_has_lost_results(late: Workshop, input_is_lost: bool) -> None:
    batch = await late.batch(lines(60))
    worker = late.worker(late.runner())
    assert await worker._work.validate_one()
    for number in range(3):
        claim, result = await run_chunk(late)
        assert await late.queue.commit(claim, result)
        await late.queue.metered([claim])
        if number == 1:
            await late.stores.own.delete(result.stored.object_id)
    if input_is_lost:
        await late.stores.own.delete(batch.input[0].object_id)
    # Perhaps the store finds them again.
    assert await worker._work.finalize_one()
    assert (await late.now(batch)).status is BatchStatus.FINALIZING
    async with late.database.transaction() as connection:
        await connection.execute(update(batch_table).values(attempt=ATTEMPTS_MAX, lease_until_ms=0))
    assert await worker._work.finalize_one()
    found = await late.now(batch)
    assert (found.status, found.total, found.completed, found.failed) == (BatchStatus.COMPLETED, 60, 35, 25)
    output, errors = await late.results(batch)
    assert numbers(output) == [*range(1, 26), *range(51, 61)]
    lost = [(record["custom_id"], record["error"]["code"]) for record in errors]
    if input_is_lost:
        assert lost == [(None, "input_unreadable")] * 25
    else:
        assert lost == [(f"line-{number}", "result_unreadable") for number in range(26, 51)]


async def test_a_batch_goes_on_when_its_store_is_back(shop: Workshop) -> None:
    store = shop.stores.own = StoreThatIsAway(shop.stores.own)
    batch = await shop.batch(lines(60))
    async with shop.working(shop.runner()):
        for _ in range(3):
            store.is_away = True
            refused = store.refused
            async with asyncio.timeout(60):
                while store.refused == refused and not (await shop.now(batch)).status.is_final:
                    await asyncio.sleep(0.01)
            store.is_away = False
            await asyncio.sleep(0)
        assert (await shop.ended(batch)).status is BatchStatus.COMPLETED
    assert (await check_invariant(shop, batch, 60))[1] == []
    assert len(await in_ledger(shop.metering)) == 60


async def test_a_batch_goes_on_when_its_disk_has_room_again(shop: Workshop) -> None:
    batch = await shop.batch(lines(60))
    runner = shop.runner(hold=asyncio.Event())
    async with shop.working(runner):
        await runner.begun.wait()
        assert runner.hold is not None
        # Room for what the test itself writes. The results of a chunk do not fit, nor does SQLite's log.
        with capture_logs() as logs, files_of_at_most(2048):
            runner.hold.set()
            async with asyncio.timeout(60):
                while not any(log["event"] == "results_not_stored_yet" for log in logs):
                    await asyncio.sleep(0.01)
            assert not (await shop.now(batch)).status.is_final
        assert (await shop.ended(batch)).status is BatchStatus.COMPLETED
    assert (await check_invariant(shop, batch, 60))[1] == []
    assert len(runner.calls_made()) == 60
    assert len(await in_ledger(shop.metering)) == 60


async def test_a_batch_outlives_a_long_time_without_its_store(shop: Workshop) -> None:
    """As when a customer takes its key away for an hour: more attempts than a broken input gets."""
    batch = await shop.batch(lines(3))
    store = shop.stores.own = StoreThatIsAway(shop.stores.own, is_away=True)
    work = shop.worker(shop.runner(), pace=Pace(put_off_ms=0))._work
    for _ in range(ATTEMPTS_MAX + 2):
        assert await work.validate_one()
    store.is_away = False
    async with shop.working(shop.runner()):
        assert (await shop.ended(batch)).status is BatchStatus.COMPLETED


async def test_a_customer_whose_store_is_away_holds_no_place_of_another(shop: Workshop) -> None:
    """Its chunks have run, their results cannot be stored, and all places are taken."""
    away = StoreThatIsAway(shop.stores.own, error=ExternalStorageUnavailableError(Unavailability.REFUSED))

    class Stores(OwnStoreOnly):
        def store(self, project_id: str, bucket: CustomerBucket | None) -> ObjectStore:
            return away if project_id == PROJECT else self.own

    shop.objects._stores = Stores(shop.stores.own)
    blocked = await shop.batch(lines(25 * CHUNKS_AT_ONCE))
    runner = shop.runner(hold=asyncio.Event())
    pace = dataclasses.replace(QUICK, put_off_ms=60_000)
    async with shop.working(runner, pace=pace, lines_at_once=25 * CHUNKS_AT_ONCE):
        async with asyncio.timeout(60):
            while runner.running < 25 * CHUNKS_AT_ONCE:
                await asyncio.sleep(0.01)
        away.is_away = True
        other = await shop.batch(lines(25), project_id=OTHER)
        assert runner.hold is not None
        runner.hold.set()
        assert (await shop.ended(other)).status is BatchStatus.COMPLETED
        assert not (await shop.now(blocked)).status.is_final
    away.is_away = False
    async with shop.database.transaction() as connection:
        await connection.execute(update(batch_chunk).values(lease_until_ms=0))
    async with shop.working(shop.runner()):
        assert (await shop.ended(blocked)).status is BatchStatus.COMPLETED
    assert (await check_invariant(shop, blocked, 25 * CHUNKS_AT_ONCE))[1] == []


@dataclass
class StoreThatIsAway:
    """An object store, and times without it."""

    store: ObjectStore
    is_away: bool = False
    refused: int = 0
    error: ObjectStoreUnavailableError = field(default_factory=lambda: ObjectStoreUnavailableError("TimeoutError"))

    async def put(self, name: str, source: AsyncIterator[bytes]) -> None:
        self._require()
        await self.store.put(name, source)

    async def read(self, name: str, start: int, end: int) -> bytes:
        self._require()
        return await self.store.read(name, start, end)

    async def delete(self, name: str) -> None:
        self._require()
        await self.store.delete(name)

    def names(self) -> AsyncIterator[str]:
        return self.store.names()

    async def sweep(self) -> None:
        await self.store.sweep()

    def _require(self) -> None:
        if self.is_away:
            self.refused += 1
            raise self.error


async def test_a_line_that_has_begun_ends_and_no_further_one_begins(shop: Workshop) -> None:
    await shop.batch(lines(25))
    assert await shop.worker(shop.runner())._work.validate_one()
    claimed = await shop.queue.claim()
    assert claimed is not None
    content = await read_lines(shop.objects, claimed.batch, claimed.plan)
    runner = shop.runner(hold=asyncio.Event())
    ending: list[Ending] = []
    running = asyncio.create_task(
        run_lines(claimed, content, runner, asyncio.Semaphore(3), lambda: ending[0] if ending else None)
    )
    async with asyncio.timeout(60):
        while runner.running < 3:
            await asyncio.sleep(0)
    ending.append(Ending.EXPIRED)
    assert runner.hold is not None
    runner.hold.set()
    results = await running
    assert [result.is_success for result in results] == [True] * 3 + [False] * 22
    assert len(runner.calls_made()) == 3
