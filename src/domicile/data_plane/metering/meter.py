"""The meter: takes entries from the request path in memory, and writes them to the ledger in batches, twice a second.

About every ten seconds it reports sums of entries. So a busy key costs one delta in ten seconds instead of one in each flush.

A killed process loses at most the entries of the last second. The next start reports the loss as a gap. With `durable` an
answer waits until its entry is on disk.
"""

import asyncio
import time
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEvent, RegionEventType, ServiceCheck
from domicile.boundary.service_levels import ServiceLevelDelta
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.service_levels import ServedAnswer, ServiceLevelCounters
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.clock import Clock

log = structlog.get_logger("metering")

FLUSH_EVERY_S = 0.5
# A transaction of this many rows takes a few milliseconds, so it does not stall the request path.
ENTRIES_PER_TRANSACTION = 256
HEARTBEAT_EVERY_S = 2.0
REPORT_EVERY_S = 10.0


class MeterObserver(Protocol):
    """Gets every entry and event, for metrics. Its methods must return at once and never raise."""

    def recorded(self, entry: LedgerEntry) -> None:
        """Called for each entry."""
        ...

    def happened(self, kind: RegionEventType) -> None:
        """Called for each event of the region."""
        ...


class Observers:
    """Several observers as one."""

    def __init__(self, *observers: MeterObserver) -> None:
        self._observers = observers

    def recorded(self, entry: LedgerEntry) -> None:
        """See `MeterObserver`."""
        for observer in self._observers:
            observer.recorded(entry)

    def happened(self, kind: RegionEventType) -> None:
        """See `MeterObserver`."""
        for observer in self._observers:
            observer.happened(kind)


class Meter:
    """One writer of the ledger. It numbers its usage and audit reports in one sequence, from 1 without gaps."""

    def __init__(
        self,
        repository: MeteringRepository,
        snapshots: CurrentSnapshot,
        *,
        region: str,
        writer: str,
        clock: Clock,
        durable: bool,
        report_every_s: float = REPORT_EVERY_S,
        observer: "MeterObserver | None" = None,
    ) -> None:
        """`report_every_s`: seconds between usage reports. `observer`: gets every entry and event, for metrics."""
        self._repository = repository
        self._snapshots = snapshots
        self._region = region
        self.writer = writer
        self._clock = clock
        self._durable = durable
        self._observer = observer
        self._entries: list[LedgerEntry] = []
        self._events: list[RegionEvent] = []
        self._levels = ServiceLevelCounters()
        self._report_every_s = report_every_s
        self._reported_at = -report_every_s
        self._attempted: tuple[tuple[RegionEvent, ...], tuple[ServiceLevelDelta, ...], bool] | None = None
        """The events and service levels of a report whose attempt failed, and whether it has usage. It may have been committed
        all the same."""
        self._number = 0
        self._last_heartbeat = 0.0
        self._stopping = False
        self._wake = asyncio.Event()
        self._written = asyncio.Condition()
        self._recorded_count = 0
        self._written_count = 0
        self._reported_count = 0
        self._has_killed_writers = True
        """Whether a killed process may have left entries without a report."""
        self._event_count = 0
        self._written_event_count = 0
        self.reported = asyncio.Event()
        """Set when the outbox has new reports to send."""

    async def start(self) -> None:
        """Register the writer, and report a gap for each earlier writer that was killed."""
        self._report_killed(await self._repository.open_writer(self.writer, self._clock.now_ms()))
        self.event(RegionEventType.STARTED)

    def record(self, entry: LedgerEntry) -> None:
        """Take an entry. Never waits or fails, so it is safe while a request is being cancelled."""
        self._entries.append(entry)
        self._recorded_count += 1
        if self._observer is not None:
            self._observer.recorded(entry)
        if self._durable:
            self._wake.set()

    def served(self, answer: ServedAnswer) -> None:
        """Count what came of a request that bought capacity covered. Never waits or fails."""
        self._levels.add(answer)

    async def settled(self) -> None:
        """If metering is durable, wait until every entry recorded so far is on disk. Otherwise return at once."""
        if self._durable:
            await self.written()

    async def written(self) -> None:
        """Wait until every entry recorded so far is on disk."""
        awaited = self._recorded_count
        async with self._written:
            await self._written.wait_for(lambda: self._written_count >= awaited)

    async def event_on_disk(
        self,
        kind: RegionEventType,
        project_id: str | None = None,
        *,
        exports: tuple[int, ...] = (),
        service_check: ServiceCheck | None = None,
    ) -> None:
        """Record an event with its particulars, and wait until its report is in the outbox on disk."""
        self._record_event(kind, project_id, exports, service_check)
        awaited = self._event_count
        async with self._written:
            await self._written.wait_for(lambda: self._written_event_count >= awaited)

    def event(self, kind: RegionEventType) -> None:
        """Record an event of the region."""
        self._record_event(kind, None, (), None)

    def _record_event(
        self,
        kind: RegionEventType,
        project_id: str | None,
        exports: tuple[int, ...],
        service_check: ServiceCheck | None,
    ) -> None:
        table = self._snapshots.table
        epoch, number = (0, 0) if table is None else (table.epoch, table.number)
        self._events.append(RegionEvent(kind, self._clock.now_ms(), epoch, number, project_id, exports, service_check))
        self._event_count += 1
        if self._observer is not None:
            self._observer.happened(kind)
        self._wake.set()

    async def run(self) -> None:
        """Write until `stop` is called, then write the rest. Never cancel it: a cancelled commit may have happened.

        While the database cannot be written the entries stay in memory for the next attempt.
        """
        while not self._stopping:
            try:
                async with asyncio.timeout(FLUSH_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._try_to_heartbeat()
            await self._try_to_flush()
        self.event(RegionEventType.STOPPED)
        self.report_soon()
        if await self._try_to_flush():
            await self._repository.close_writer(self.writer, self._clock.now_ms())

    def stop(self) -> None:
        """Make `run` write the remaining entries, close the writer and return."""
        self._stopping = True
        self._wake.set()

    @property
    def recorded_count(self) -> int:
        """How many entries this writer has recorded: the number of the last one."""
        return self._recorded_count

    @property
    def backlog(self) -> int:
        """The number of entries not yet on disk. It stays small unless the database cannot be written."""
        return len(self._entries)

    async def _try_to_flush(self) -> bool:
        try:
            await self.flush()
        except SQLAlchemyError as error:
            log.error("metering_not_written", type=type(error).__name__, entries=len(self._entries))
            return False
        return True

    async def heartbeat_now(self) -> None:
        """Update this writer's heartbeat, and report a gap for each replica whose heartbeat has stopped.

        Does nothing for a database that replicas cannot share.
        """
        self._report_killed(await self._repository.heartbeat(self.writer, self._clock.now_ms()))

    def report_soon(self) -> None:
        """Make the next flush report all entries, without waiting for `report_every_s`."""
        self._reported_at = -self._report_every_s

    async def _try_to_heartbeat(self) -> None:
        if time.monotonic() - self._last_heartbeat < HEARTBEAT_EVERY_S:
            return
        try:
            await self.heartbeat_now()
        except SQLAlchemyError as error:
            log.error("life_not_shown", type=type(error).__name__)
        self._last_heartbeat = time.monotonic()

    def _report_killed(self, count: int) -> None:
        if count:
            self._has_killed_writers = True
            log.warning("metering_gap", writers=count)
            self.event(RegionEventType.METERING_GAP)

    async def flush(self) -> None:
        """Write all entries and events to disk, and report usage when it is due.

        Raises the database's errors. The unwritten entries and events are kept.
        """
        while self._entries:
            batch = self._entries[:ENTRIES_PER_TRANSACTION]
            await self._repository.append(self.writer, self._written_count + 1, batch)
            del self._entries[: len(batch)]
            async with self._written:
                self._written_count += len(batch)
                self._written.notify_all()
        while self._attempted or self._events or self._is_usage_due:
            await self._report()

    @property
    def _is_usage_due(self) -> bool:
        is_time = time.monotonic() - self._reported_at >= self._report_every_s
        has_news = self._written_count > self._reported_count or bool(self._levels)
        return is_time and (has_news or self._has_killed_writers)

    async def _report(self) -> None:
        # Repeat a failed attempt unchanged: it may have been committed, and then other events under its number would be lost.
        if self._attempted is None:
            is_due = self._is_usage_due
            levels = self._levels.take() if is_due else ()
            self._attempted = tuple(self._events[:ENTRIES_PER_TRANSACTION]), levels, is_due
        events, levels, with_usage = self._attempted
        written = self._written_count
        reported = await self._repository.report(
            self._region, self.writer, self._number, events, levels, with_usage=with_usage
        )
        self._attempted = None
        del self._events[: len(events)]
        if reported.last_number != self._number:
            self._number = reported.last_number
            self.reported.set()
        if with_usage and reported.is_all:
            self._reported_at, self._reported_count = time.monotonic(), written
            self._has_killed_writers = False
        async with self._written:
            self._written_event_count += len(events)
            self._written.notify_all()
