"""What a region has spent: from the ledger at the start, from each entry since, and from the entries of other replicas."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domicile.boundary.costs import Consumption, cost
from domicile.boundary.spending import month_of, month_start_ms
from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.catalogue import load_catalogue
from domicile.data_plane.limits.spending import Spent
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.spending_ledger import SpendingLedger, SpendingObserver
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from tests.unit.data_plane.metering.entries import ledger_entry
from tests.unit.data_plane.region_parts import NOW_MS, ORGANIZATION, PROJECT, SetClock, current_snapshot, database_in

PRICES = load_catalogue().prices
MODELS = sorted({price.model for price in PRICES.prices})
OTHER_PROJECT = "proj_" + "2" * 24


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "metering") as database:
        yield database


class Replica:
    """One writer of the ledger, and what it believes was spent."""

    def __init__(self, database: Database, name: str, snapshots: CurrentSnapshot) -> None:
        clock = SetClock()
        self.spent = Spent(clock)
        self.meter = Meter(
            MeteringRepository(database),
            snapshots,
            region="eu",
            writer="wr_" + name * 24,
            clock=clock,
            durable=False,
            observer=SpendingObserver(self.spent, snapshots),
        )
        self.ledger = SpendingLedger(self.spent, database, snapshots, self.meter, clock)

    async def record(self, *entries: LedgerEntry) -> None:
        for entry in entries:
            self.meter.record(entry)
        await self.meter.flush()

    @property
    def found(self) -> dict[str, int]:
        return {owner: self.spent.by(owner) for owner in (PROJECT, OTHER_PROJECT, ORGANIZATION)}


class Shared:
    """A database file in the place of a server that replicas share."""

    is_shared = True

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)


def some_entries(prefix: str, count: int, seed: int) -> list[LedgerEntry]:
    """Of this month and of the last."""
    rng = random.Random(seed)
    start = month_start_ms(month_of(NOW_MS))
    return [
        ledger_entry(
            f"{prefix}{number}",
            project_id=rng.choice([PROJECT, OTHER_PROJECT]),
            at_ms=start + rng.randrange(-10, 20) * 86_400_000,
            model=rng.choice(MODELS),
            tier=rng.choice(list(ServiceTier)),
            batch=rng.random() < 0.3,
            usage=Usage(rng.randrange(9999), rng.randrange(99), rng.randrange(999), 0, rng.randrange(99), 1500, 1),
            image_size=rng.choice([None, *ImageSize]),
        )
        for number in range(count)
    ]


def recounted(entries: list[LedgerEntry]) -> dict[str, int]:
    """The plain way."""
    found = dict.fromkeys((PROJECT, OTHER_PROJECT, ORGANIZATION), 0)
    for entry in entries:
        if month_of(entry.at_ms) == month_of(NOW_MS):
            consumption = Consumption(entry.model, entry.usage, entry.tier, entry.batch, entry.image_size)
            amount = cost(consumption, PRICES.at(entry.model, entry.at_ms // 86_400_000))
            found[entry.project_id] += amount
            found[ORGANIZATION] += amount
    return found


async def test_ledger_and_memory_count_the_same(database: Database) -> None:
    snapshots = current_snapshot(prices=PRICES.prices)
    before, since = some_entries("a", 200, 1), some_entries("b", 50, 2)
    first = Replica(database, "A", snapshots)
    await first.meter.start()
    await first.record(*before)
    second = Replica(database, "B", snapshots)
    await second.meter.start()
    await second.ledger.follow()
    assert second.spent.is_known
    assert second.found == recounted(before)
    await second.record(*since)
    assert second.found == recounted(before + since)
    # Once more from the ledger alone.
    third = Replica(database, "C", snapshots)
    await third.meter.start()
    await third.ledger.follow()
    assert third.found == second.found


async def test_replicas_learn_of_each_other_and_count_nothing_twice(database: Database) -> None:
    shared: Any = Shared(database)
    snapshots = current_snapshot(prices=PRICES.prices)
    one, other = (Replica(shared, name, snapshots) for name in "AB")
    for replica in (one, other):
        await replica.meter.start()
        await replica.ledger.follow()
    entries: list[LedgerEntry] = []
    for round_ in range(3):
        for name, replica in (("a", one), ("b", other)):
            new = some_entries(f"{name}{round_}-", 20, round_)
            entries += new
            await replica.record(*new)
        for replica in (one, other, one):
            await replica.ledger.follow()
            await replica.ledger.follow()
        assert one.found == other.found == recounted(entries)
    # One that begins and ends between two looks.
    short = Replica(shared, "C", snapshots)
    await short.meter.start()
    last = some_entries("c", 20, 9)
    short.meter.stop()
    for entry in last:
        short.meter.record(entry)
    await short.meter.run()
    await one.ledger.follow()
    assert one.found == recounted(entries + last)


async def test_without_prices_nothing_is_known_and_with_them_what_was_before_counts(database: Database) -> None:
    """The control plane is upgraded while the region runs."""
    snapshots = current_snapshot()
    replica = Replica(database, "A", snapshots)
    await replica.meter.start()
    entries = some_entries("a", 30, 1)
    await replica.record(*entries)
    await replica.ledger.follow()
    assert not replica.spent.is_known
    table = current_snapshot(prices=PRICES.prices).table
    assert table is not None
    snapshots.swap(table)
    await replica.ledger.follow()
    assert replica.spent.is_known
    assert replica.found == recounted(entries)


async def test_a_start_waits_for_a_large_ledger_only_so_long(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots, entries = current_snapshot(prices=PRICES.prices), some_entries("a", 20, 1)
    first = Replica(database, "A", snapshots)
    await first.meter.start()
    await first.record(*entries)
    second = Replica(database, "B", snapshots)
    await second.meter.start()
    is_read, read = asyncio.Event(), SpendingLedger._add

    async def slow(ledger: SpendingLedger, *what: Any) -> None:
        await is_read.wait()
        await read(ledger, *what)

    monkeypatch.setattr(SpendingLedger, "_add", slow)
    await second.ledger.begin(0.01)
    assert not second.spent.is_known
    # What ends meanwhile is counted once.
    second.meter.record(ledger_entry("b"))
    is_read.set()
    await second.ledger.follow()
    assert second.spent.is_known
    assert second.found == recounted([*entries, ledger_entry("b")])


async def test_a_line_of_a_batch_counts_when_it_ends_and_once(database: Database) -> None:
    snapshots = current_snapshot(prices=PRICES.prices)
    replica = Replica(database, "A", snapshots)
    observer = SpendingObserver(replica.spent, snapshots)
    line, other = ledger_entry("a", batch=True), ledger_entry("b", batch=True)
    once = recounted([line])
    # Before the ledger is read nothing counts ahead: it would be forgotten then.
    observer.line_ended(line)
    assert replica.found == recounted([])
    await replica.meter.start()
    await replica.ledger.follow()
    observer.line_ended(line)
    assert replica.found == once
    # It runs again, because its chunk's first commit failed; then the commit records it.
    observer.line_ended(line)
    observer.recorded(line)
    assert replica.found == once
    # Of a chunk that another process has run.
    observer.recorded(other)
    assert replica.found == recounted([line, other])


@pytest.mark.parametrize("at_ms", [month_start_ms(month_of(NOW_MS)) - 1, month_start_ms(month_of(NOW_MS) + 1)])
async def test_another_months_entry_counts_nothing(database: Database, at_ms: int) -> None:
    replica = Replica(database, "A", current_snapshot(prices=PRICES.prices))
    await replica.meter.start()
    await replica.record(ledger_entry("a", at_ms=at_ms))
    await replica.ledger.follow()
    assert replica.found == dict.fromkeys((PROJECT, OTHER_PROJECT, ORGANIZATION), 0)
