"""Runs batches: claims chunks, runs their lines, commits the results, and validates and finalizes batches beside it.

Any number of workers may share a database. Nothing of a worker's identity is stored: claims are fenced by their number, so
two workers that were given the same name cannot disturb each other, and an upgrade has no version to change.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.jobs.batch import ChunkResult, Claim, ClaimedChunk, Ending
from domicile.data_plane.jobs.batch_rows import BatchRows
from domicile.data_plane.jobs.batch_work import UNAVAILABLE, BatchWork
from domicile.data_plane.jobs.chunk_queue import ChunkQueue, UnmeteredChunk
from domicile.data_plane.jobs.chunk_run import run_lines, store_results
from domicile.data_plane.jobs.input_content import read_lines
from domicile.data_plane.jobs.line import NotNowError, RunLine
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.pace import Pace
from domicile.data_plane.jobs.results import LineResult
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.unavailability import OutsideServiceUnavailableError

log = structlog.get_logger("jobs")

CHUNKS_AT_ONCE = 4
"""One chunk at a time would leave places empty while its last line runs."""
_METERED_AT_ONCE = 100
_OUTSIDE_TRIES = 3


class UsageLedger(Protocol):
    """Where the usage of committed lines goes."""

    async def record(self, entries: Sequence[LedgerEntry]) -> None:
        """Return once the entries are on disk. Entries that are there already are not counted again."""


@dataclass(slots=True, eq=False)
class _OpenChunk:
    """A chunk that this worker runs."""

    ending: Ending | None = None
    is_lost: bool = False
    """Another worker has claimed it."""
    running: "asyncio.Task[list[LineResult]] | None" = None

    def lose(self) -> None:
        self.is_lost = True
        if self.running is not None:
            self.running.cancel()


class Worker:
    """One of any number of workers."""

    def __init__(
        self,
        *,
        queue: ChunkQueue,
        rows: BatchRows,
        work: BatchWork,
        objects: Objects,
        runner: RunLine,
        ledger: UsageLedger,
        is_archived: Callable[[str], bool],
        lines_at_once: int,
        observer: JobObserver,
        pace: Pace | None = None,
    ) -> None:
        """`is_archived`: whether a project has left the snapshot in force, so that its batches are cancelled."""
        self._queue = queue
        self._rows = rows
        self._work = work
        self._objects = objects
        self._runner = runner
        self._ledger = ledger
        self._is_archived = is_archived
        self._gate = asyncio.Semaphore(lines_at_once)
        self._observer = observer
        self._pace = pace or Pace()
        self._slots = asyncio.Semaphore(CHUNKS_AT_ONCE)
        self._open: dict[Claim, _OpenChunk] = {}
        self._chunks: set[asyncio.Task[None]] = set()
        self._unmetered: asyncio.Queue[UnmeteredChunk] = asyncio.Queue()
        self._metering: set[Claim] = set()
        """The claims of those that wait there or are on their way into the ledger."""
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look for work now."""
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled. Then what is open is given back at once."""
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._begin_chunk, self._validate_one, self._work.finalize_one):
                    group.create_task(self._work_on(work))
                group.create_task(self._every(self._pace.renew_s, self._renew))
                group.create_task(self._every(self._pace.endings_s, self._look_for_endings))
                group.create_task(self._every(self._pace.watch_s, self._watch))
                group.create_task(self._meter())
        finally:
            await self._give_back()

    async def _work_on(self, step: Callable[[], Awaitable[bool]]) -> None:
        """Repeat a step for ever, with a pause whenever it had nothing to do. No error of the database ends it."""
        while True:
            try:
                is_busy = await step()
            except UNAVAILABLE as error:
                log.error("jobs_step_failed", step=step.__name__, type=type(error).__name__)
                is_busy = False
            if not is_busy:
                await self._pause()

    async def _every(self, pause_s: float, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step for ever. No error of the database ends it."""
        while True:
            await asyncio.sleep(pause_s)
            try:
                await step()
            except UNAVAILABLE as error:
                log.error("jobs_step_failed", step=step.__name__, type=type(error).__name__)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._pace.idle_s):
                await self._news.wait()
        except TimeoutError:
            return
        # All that wait are woken, then one of them takes the sign away.
        await asyncio.sleep(0)
        self._news.clear()

    async def _validate_one(self) -> bool:
        is_busy = await self._work.validate_one()
        if is_busy:
            # Its chunks may begin.
            self.wake()
        return is_busy

    async def _begin_chunk(self) -> bool:
        await self._slots.acquire()
        claimed = None
        try:
            claimed = await self._queue.claim()
        finally:
            if claimed is None:
                self._slots.release()
        if claimed is None:
            return False
        if claimed.claim.attempt > 1:
            self._observer.begun_again()
        chunk = asyncio.create_task(self._chunk(claimed))
        self._chunks.add(chunk)
        chunk.add_done_callback(self._ended)
        return True

    def _ended(self, chunk: "asyncio.Task[None]") -> None:
        self._chunks.discard(chunk)
        self._slots.release()
        self.wake()

    async def _chunk(self, claimed: ClaimedChunk) -> None:
        """Run a chunk to its commit. Raises nothing: a chunk that cannot be run is put off, and a lost one left."""
        claim = claimed.claim
        chunk = self._open[claim] = _OpenChunk()
        try:
            lines = await read_lines(self._objects, claimed.batch, claimed.plan)
            running = run_lines(claimed, lines, self._runner, self._gate, lambda: chunk.ending)
            chunk.running = asyncio.create_task(running)
            results = await chunk.running
            result = await self._stored(claimed, chunk, results)
            if result is not None and await self._committed(claim, result):
                self._observer.lines_ended(completed=result.completed, failed=result.failed)
                self._meter_soon(UnmeteredChunk(claim, result.entries))
                # A look for endings during the commit finds no running chunk.
                chunk.is_lost = False
            else:
                chunk.is_lost = True
        except asyncio.CancelledError:
            if not chunk.is_lost:
                raise
        except (NotNowError, *UNAVAILABLE) as error:
            log.warning("chunk_put_off", batch=claim.batch_id, type=type(error).__name__)
            await self._put_off(claim, delay_ms=self._pace.put_off_ms, is_fault=False)
        except Exception as error:
            # A defect, or a line that no code was written for. Nothing of it is content but its message.
            log.error("chunk_failed", batch=claim.batch_id, type=type(error).__name__)
            await self._put_off(claim, delay_ms=min(self._pace.put_off_ms, 1000 * 2**claim.attempt), is_fault=True)
        finally:
            del self._open[claim]
            if chunk.is_lost:
                self._observer.claim_lost()

    async def _stored(self, claimed: ClaimedChunk, chunk: _OpenChunk, results: list[LineResult]) -> ChunkResult | None:
        """Store the results, however often it takes. None when the claim is lost before, or the project destroyed.

        A customer's own key or bucket that stays away is raised: its chunks must not hold the places of other customers'.
        """
        outside_tries = 0
        while not chunk.is_lost:
            try:
                return await store_results(self._objects, claimed, results)
            except ProjectDestroyedError:
                return None
            except OutsideServiceUnavailableError:
                outside_tries += 1
                if outside_tries == _OUTSIDE_TRIES:
                    raise
                await asyncio.sleep(self._pace.retry_s)
            except UNAVAILABLE as error:
                log.warning("results_not_stored_yet", batch=claimed.claim.batch_id, type=type(error).__name__)
                await asyncio.sleep(self._pace.retry_s)
        return None

    async def _committed(self, claim: Claim, result: ChunkResult) -> bool:
        """Commit, however often it takes: repeating the lines would cost more. False when the claim was lost."""
        while True:
            try:
                is_in = await self._queue.commit(claim, result)
                break
            except ProjectDestroyedError:
                is_in = False
                break
            except SQLAlchemyError as error:
                log.warning("results_not_committed_yet", batch=claim.batch_id, type=type(error).__name__)
                await asyncio.sleep(self._pace.retry_s)
        if not is_in:
            log.warning("claim_lost", batch=claim.batch_id, chunk=claim.number)
            await self._objects.discard(result.stored)
        return is_in

    async def _put_off(self, claim: Claim, *, delay_ms: int, is_fault: bool) -> None:
        try:
            await self._queue.put_off(claim, delay_ms=delay_ms, is_fault=is_fault)
        except SQLAlchemyError as error:
            # Its lease runs out.
            log.warning("not_given_back", batch=claim.batch_id, type=type(error).__name__)

    async def _renew(self) -> None:
        if self._open:
            await self._queue.renew(list(self._open))

    async def _look_for_endings(self) -> None:
        looked_at = dict(self._open)
        if looked_at:
            endings = await self._queue.endings(list(looked_at))
            for claim, chunk in looked_at.items():
                if claim in endings:
                    chunk.ending = endings[claim]
                elif claim in self._open:
                    chunk.lose()

    async def _watch(self) -> None:
        await self._rows.expire()
        archived = [each for each in await self._rows.open_projects() if self._is_archived(each)]
        if archived:
            await self._rows.cancel_all(archived)
        await self._rows.end_orphans()
        for left in await self._queue.unmetered(_METERED_AT_ONCE):
            self._meter_soon(left)

    def _meter_soon(self, committed: UnmeteredChunk) -> None:
        # What waits here is in its row too, and `unmetered` finds it again when it waits for longer than a lease.
        if committed.claim not in self._metering:
            self._metering.add(committed.claim)
            self._unmetered.put_nowait(committed)

    async def _meter(self) -> None:
        """Bring the usage of committed chunks into the ledger, then forget it in their rows."""
        while True:
            committed = [await self._unmetered.get()]
            # All that have come meanwhile together: the ledger takes up to half a second for each call.
            while len(committed) < _METERED_AT_ONCE and not self._unmetered.empty():
                committed.append(self._unmetered.get_nowait())
            try:
                await self._ledger.record([entry for chunk in committed for entry in chunk.entries])
                await self._queue.metered([chunk.claim for chunk in committed])
            except UNAVAILABLE as error:
                # The row still has it, and `unmetered` finds it again.
                log.warning("batch_usage_not_metered_yet", type=type(error).__name__)
            self._metering.difference_update(chunk.claim for chunk in committed)
            self.wake()

    async def _give_back(self) -> None:
        claims = list(self._open)
        for chunk in self._chunks:
            chunk.cancel()
        await asyncio.gather(*self._chunks, return_exceptions=True)
        for claim in claims:
            await self._put_off(claim, delay_ms=0, is_fault=False)
