"""Counts what a region spends: from the ledger at the start, then from each entry, and from those of other replicas."""

import asyncio
from contextlib import suppress

import structlog
from sqlalchemy import BigInteger, ColumnElement, and_, cast, func, literal_column, or_, select
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEventType
from domicile.boundary.costs import Consumption, cost
from domicile.boundary.spending import month_start_ms
from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.prices import PriceList
from domicile.data_plane.limits.spending import Spent
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.data_plane.tables import ledger, metering_writer
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

log = structlog.get_logger("spending")

FOLLOW_EVERY_S = 1.0
"""Seconds after which a replica knows what the others have spent. They write twice a second."""
_LATELY_MS = 600_000
_COUNTED_MAX = 100_000
_DAY_MS = 86_400_000
_QUANTITIES = tuple(ledger.c[name] for name in Usage.__struct_fields__)


class SpendingObserver:
    """The meter's observer that counts each entry of this process."""

    def __init__(self, spent: Spent, snapshots: CurrentSnapshot) -> None:
        self._spent = spent
        self._snapshots = snapshots
        self._counted: dict[str, None] = {}
        """Lines that were counted when they ended, before their chunk's commit records them: their request ids."""

    def line_ended(self, entry: LedgerEntry) -> None:
        """Count a line of a batch at once: its entry is recorded with its chunk's. A line that runs again counts once."""
        if self._spent.is_known and entry.request_id not in self._counted:
            self._counted[entry.request_id] = None
            if len(self._counted) > _COUNTED_MAX:
                # Of a chunk that another worker has taken over: it is never recorded here.
                del self._counted[next(iter(self._counted))]
            self._count(entry)

    def recorded(self, entry: LedgerEntry) -> None:
        """Count what the request costs."""
        if self._counted and entry.request_id in self._counted:
            del self._counted[entry.request_id]
            return
        self._count(entry)

    def _count(self, entry: LedgerEntry) -> None:
        table = self._snapshots.table
        if table is not None:
            consumption = Consumption(entry.model, entry.usage, entry.tier, entry.batch, entry.image_size)
            amount = cost(consumption, table.prices.at(entry.model, entry.at_ms // _DAY_MS))
            self._spent.add(entry.project_id, entry.organization_id, entry.at_ms, amount)

    def happened(self, kind: RegionEventType) -> None:
        """Events cost nothing."""


class SpendingLedger:
    """Completes what the observer counts by what the ledger holds."""

    def __init__(
        self, spent: Spent, database: Database, snapshots: CurrentSnapshot, meter: Meter, clock: Clock
    ) -> None:
        """`database`: the metering database."""
        self._clock = clock
        self._spent = spent
        self._database = database
        self._snapshots = snapshots
        self._meter = meter
        self._through: dict[str, int] = {}
        """By writer, the number of its last entry that was read."""
        self._first_prices = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._beginning: asyncio.Task[None] | None = None
        self._writing: set[str] = set()
        """The other writers when they were last looked up."""

    async def begin(self, patience_s: float) -> None:
        """Read what was spent before, and wait for it so long at most: a large ledger must not keep the region from serving.

        Raises the database's errors.
        """
        self._beginning = asyncio.create_task(self.follow())
        await asyncio.wait({self._beginning}, timeout=patience_s)
        if self._beginning.done():
            self._beginning.result()

    def notice(self, table: SnapshotTable) -> None:
        """A new snapshot: with the first price list begin to count at once, since nobody with a limit is served before."""
        if table.prices.prices and not self._spent.is_known:
            self._first_prices.set()

    async def run(self) -> None:
        """Read until cancelled. While the database cannot be read, the last count stays."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(FOLLOW_EVERY_S):
                        await self._first_prices.wait()
                self._first_prices.clear()
                try:
                    await self.follow()
                except SQLAlchemyError as error:
                    log.error("spending_not_read", type=type(error).__name__)
        finally:
            if self._beginning is not None:
                self._beginning.cancel()

    async def follow(self) -> None:
        """Read what was spent before, once there is a price list, and then what other replicas have spent since."""
        async with self._one_at_a_time:
            table = self._snapshots.table
            if table is None or not table.prices.prices:
                # Without prices there are no limits either: the control plane knows neither.
                return
            if not self._spent.is_known:
                await self._count_anew(table.prices)
            elif self._database.is_shared:
                await self._read_others(table.prices)

    async def _count_anew(self, prices: PriceList) -> None:
        """Count anew: all entries of the ledger, and the own ones that are recorded from now on."""
        self._spent.forget()
        recorded = self._meter.recorded_count
        await self._meter.written()
        own = (ledger.c.writer == self._meter.writer) & (ledger.c.sequence > recorded)
        self._writing = await self._writers()
        month_start = ledger.c.at_ms >= month_start_ms(self._spent.month())
        await self._add(prices, month_start & (ledger.c.writer.is_(None) | ~own))
        self._spent.is_known = True

    async def _read_others(self, prices: PriceList) -> None:
        now_writing = await self._writers()
        # A writer that has ended meanwhile is read once more: it wrote its last entries before.
        chosen = [
            and_(ledger.c.writer == writer, ledger.c.sequence > self._through.get(writer, 0))
            for writer in self._writing | now_writing
        ]
        if chosen:
            await self._add(prices, or_(*chosen))
        self._writing = now_writing

    async def _writers(self) -> set[str]:
        """The other writers that may write, and those that have started lately: one may have ended already."""
        table = metering_writer
        lately = self._clock.now_ms() - _LATELY_MS
        query = select(table.c.writer).where(
            table.c.writer != self._meter.writer, or_(table.c.is_settled.is_(False), table.c.started_at_ms >= lately)
        )
        async with self._database.reading() as connection:
            return set((await connection.execute(query)).scalars())

    async def _add(self, prices: PriceList, chosen: ColumnElement[bool]) -> None:
        # A literal: PostgreSQL would take two bound parameters, in SELECT and in GROUP BY, for two different expressions.
        day = ledger.c.at_ms // literal_column(str(_DAY_MS), BigInteger)
        kinds = (
            ledger.c.writer,
            day,
            ledger.c.organization_id,
            ledger.c.project_id,
            ledger.c.model,
            ledger.c.tier,
            ledger.c.batch,
            ledger.c.image_size,
        )
        sums = (cast(func.sum(column), BigInteger) for column in _QUANTITIES)
        query = select(*kinds, func.max(ledger.c.sequence), *sums).where(chosen).group_by(*kinds)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        for writer, on_day, organization, project, model, tier, batch, size, through, *quantities in rows:
            consumption = Consumption(
                model, Usage(*quantities), ServiceTier(tier), bool(batch), ImageSize(size) if size else None
            )
            amount = cost(consumption, prices.at(model, on_day))
            self._spent.add(project, organization, on_day * _DAY_MS, amount)
            if writer is not None:
                self._through[writer] = max(through, self._through.get(writer, 0))
