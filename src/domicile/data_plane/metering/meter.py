"""The meter: takes entries from the request path in memory and writes them in batches, once a second at the latest.

At most the last second is lost to a killed process, and the next start reports that as a gap. With `durable` an answer
waits until its entry is on disk.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEvent, RegionEventType
from domicile.boundary.usage import UsageReport
from domicile.data_plane.metering.aggregation import usage_deltas
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.repository import MeteringRepository, OutboxRow
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.clock import Clock

log = structlog.get_logger("metering")

FLUSH_EVERY_S = 0.5
# A transaction of this many rows takes a few milliseconds, so that writing never stalls the request path.
ENTRIES_PER_TRANSACTION = 256
SHOW_LIFE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one transaction writes. An attempt that failed may have been committed all the same, so the next one writes
    exactly the same: with other entries under the same number, some would never be reported."""

    entries: list[LedgerEntry]
    events: list[RegionEvent]
    reports: list[OutboxRow]


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
        observer: "MeterObserver | None" = None,
    ) -> None:
        """`observer` is told of every entry and event, for the metrics."""
        self._repository = repository
        self._snapshots = snapshots
        self._region = region
        self.writer = writer
        self._clock = clock
        self._durable = durable
        self._observer = observer
        self._entries: list[LedgerEntry] = []
        self._events: list[RegionEvent] = []
        self._batch: _Batch | None = None
        self._number = 0
        self._life_shown_at = 0.0
        self._stopping = False
        self._wake = asyncio.Event()
        self._written = asyncio.Condition()
        self._recorded_count = 0
        self._written_count = 0
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

    async def _try_to_show_life(self) -> None:
        """Where replicas share a database: says that this one lives, and reports the siblings that no longer do."""
        if time.monotonic() - self._life_shown_at < SHOW_LIFE_EVERY_S:
            return
        try:
            self._report_killed(await self._repository.show_life(self.writer, self._clock.now_ms()))
        except SQLAlchemyError as error:
            log.error("life_not_shown", type=type(error).__name__)
        self._life_shown_at = time.monotonic()

    def _report_killed(self, count: int) -> None:
        if count:
            log.warning("metering_gap", writers=count)
            self.event(RegionEventType.METERING_GAP)

    async def flush(self) -> None:
        """Everything taken so far is on disk when this returns. Raises what the database raises, losing nothing."""
        while self._batch or self._entries or self._events:
            batch = self._batch = self._batch or self._next_batch()
            await self._repository.append(batch.entries, batch.reports)
            self._batch = None
            del self._entries[: len(batch.entries)]
            del self._events[: len(batch.events)]
            self._number += len(batch.reports)
            self.reported.set()
            async with self._written:
                self._written_count += len(batch.entries)
                self._written_event_count += len(batch.events)
                self._written.notify_all()

    def _next_batch(self) -> _Batch:
        entries, events = self._entries[:ENTRIES_PER_TRANSACTION], self._events[:ENTRIES_PER_TRANSACTION]
        return _Batch(entries, events, self._reports(entries, events))

    def _reports(self, entries: list[LedgerEntry], events: list[RegionEvent]) -> list[OutboxRow]:
        reports: list[OutboxRow] = []
        if entries:
            number = self._number + 1
            usage = UsageReport(self._region, self.writer, number, usage_deltas(entries))
            reports.append(OutboxRow(self.writer, number, protocol.USAGE, msgspec.json.encode(usage)))
        if events:
            number = self._number + len(reports) + 1
            audit = AuditReport(self._region, self.writer, number, tuple(events))
            reports.append(OutboxRow(self.writer, number, protocol.AUDIT, msgspec.json.encode(audit)))
        return reports
