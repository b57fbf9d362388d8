"""The meter: takes entries from the request path in memory and writes them in batches, once a second at the latest.

Entries are reported by sums, every ten seconds or so: a key that is always in use costs one delta then, not one each flush.

At most the last second is lost to a killed process, and the next start reports that as a gap. With `durable` an answer
waits until its entry is on disk.
"""

import asyncio
import time
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEvent, RegionEventType
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.clock import Clock

log = structlog.get_logger("metering")

FLUSH_EVERY_S = 0.5
# A transaction of this many rows takes a few milliseconds, so that writing never stalls the request path.
ENTRIES_PER_TRANSACTION = 256
SHOW_LIFE_EVERY_S = 2.0
REPORT_EVERY_S = 10.0


class MeterObserver(Protocol):
    """Counts what the meter takes. It must neither wait nor fail."""

    def recorded(self, entry: LedgerEntry) -> None:
        """An answered request."""
        ...

    def happened(self, kind: RegionEventType) -> None:
        """Something that happened to the region itself."""
        ...


class Meter:
    """One writer: its reports are numbered from 1 without gaps, usage and audit events in one sequence."""

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
        """`report_every_s`: how long entries are summed before they are reported.

        `observer` is told of every entry and event, for the metrics.
        """
        self._repository = repository
        self._snapshots = snapshots
        self._region = region
        self.writer = writer
        self._clock = clock
        self._durable = durable
        self._observer = observer
        self._entries: list[LedgerEntry] = []
        self._events: list[RegionEvent] = []
        self._report_every_s = report_every_s
        self._reported_at = -report_every_s
        self._attempted: tuple[tuple[RegionEvent, ...], bool] | None = None
        """The report whose end is not known: an attempt that failed may have been committed all the same."""
        self._number = 0
        self._life_shown_at = 0.0
        self._stopping = False
        self._wake = asyncio.Event()
        self._written = asyncio.Condition()
        self._recorded_count = 0
        self._written_count = 0
        self._reported_count = 0
        self._owes_for_the_dead = True
        """Whether a killed process may have left entries that nobody has reported."""
        self._event_count = 0
        self._written_event_count = 0
        self.reported = asyncio.Event()
        """Set whenever there is something new to send."""

    async def start(self) -> None:
        """Registers the writer and reports what an earlier one may have lost."""
        self._report_killed(await self._repository.open_writer(self.writer, self._clock.now_ms()))
        self.event(RegionEventType.STARTED)

    def record(self, entry: LedgerEntry) -> None:
        """Takes an entry. It cannot wait or fail, so it also works for a request that is being cancelled."""
        self._entries.append(entry)
        self._recorded_count += 1
        if self._observer is not None:
            self._observer.recorded(entry)
        if self._durable:
            self._wake.set()

    async def settled(self) -> None:
        """Where metering is durable: returns when everything recorded so far is on disk. Elsewhere at once."""
        if not self._durable:
            return
        awaited = self._recorded_count
        async with self._written:
            await self._written.wait_for(lambda: self._written_count >= awaited)

    async def event_on_disk(self, kind: RegionEventType, project_id: str) -> None:
        """An event about a project. Returns when it is on disk, from where it will reach the control plane."""
        self.event(kind, project_id)
        awaited = self._event_count
        async with self._written:
            await self._written.wait_for(lambda: self._written_event_count >= awaited)

    def event(self, kind: RegionEventType, project_id: str | None = None) -> None:
        """Something happened to the region itself."""
        table = self._snapshots.table
        epoch, number = (0, 0) if table is None else (table.epoch, table.number)
        self._events.append(RegionEvent(kind, self._clock.now_ms(), epoch, number, project_id))
        self._event_count += 1
        if self._observer is not None:
            self._observer.happened(kind)
        self._wake.set()

    async def run(self) -> None:
        """Writes until `stop` is called, and then what is left. Never cancel it: a cancelled commit may have happened.

        A database that cannot be written keeps the entries in memory; they go with the next attempt.
        """
        while not self._stopping:
            try:
                async with asyncio.timeout(FLUSH_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            await self._try_to_show_life()
            await self._try_to_flush()
        self.event(RegionEventType.STOPPED)
        self.report_soon()
        if await self._try_to_flush():
            await self._repository.close_writer(self.writer, self._clock.now_ms())

    def stop(self) -> None:
        """Makes `run` write what is left, close the writer and return."""
        self._stopping = True
        self._wake.set()

    @property
    def backlog(self) -> int:
        """Entries taken and not yet on disk. It grows only while the database cannot be written."""
        return len(self._entries)

    async def _try_to_flush(self) -> bool:
        try:
            await self.flush()
        except SQLAlchemyError as error:
            log.error("metering_not_written", type=type(error).__name__, entries=len(self._entries))
            return False
        return True

    async def show_life_now(self) -> None:
        """Where replicas share a database: says that this one lives, and reports the siblings that no longer do."""
        self._report_killed(await self._repository.show_life(self.writer, self._clock.now_ms()))

    def report_soon(self) -> None:
        """The next flush reports whatever has been summed."""
        self._reported_at = -self._report_every_s

    async def _try_to_show_life(self) -> None:
        if time.monotonic() - self._life_shown_at < SHOW_LIFE_EVERY_S:
            return
        try:
            await self.show_life_now()
        except SQLAlchemyError as error:
            log.error("life_not_shown", type=type(error).__name__)
        self._life_shown_at = time.monotonic()

    def _report_killed(self, count: int) -> None:
        if count:
            self._owes_for_the_dead = True
            log.warning("metering_gap", writers=count)
            self.event(RegionEventType.METERING_GAP)

    async def flush(self) -> None:
        """Everything taken so far is on disk when this returns, and reported when it is time for that.

        Raises what the database raises, losing nothing.
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
        return is_time and (self._written_count > self._reported_count or self._owes_for_the_dead)

    async def _report(self) -> None:
        # After an attempt that failed exactly the same again: other events under its number would never be reported.
        events, with_usage = self._attempted = self._attempted or (
            tuple(self._events[:ENTRIES_PER_TRANSACTION]),
            self._is_usage_due,
        )
        written = self._written_count
        reported = await self._repository.report(self._region, self.writer, self._number, events, with_usage=with_usage)
        self._attempted = None
        del self._events[: len(events)]
        if reported.last_number != self._number:
            self._number = reported.last_number
            self.reported.set()
        if with_usage and reported.is_all:
            self._reported_at, self._reported_count = time.monotonic(), written
            self._owes_for_the_dead = False
        async with self._written:
            self._written_event_count += len(events)
            self._written.notify_all()
