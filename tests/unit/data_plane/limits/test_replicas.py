"""How many processes the region has, and what each may use without a store."""

import asyncio

from sqlalchemy.exc import OperationalError

from domicile.data_plane.limits.places import EnginePlaces
from domicile.data_plane.limits.quotas import Kind, Limit, LocalQuotas
from domicile.data_plane.limits.replicas import KnownReplicas
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.fair_turns import FairTurns
from tests.unit.data_plane.region_parts import current_snapshot, snapshot_table

FIVE = (Limit(Kind.REQUESTS, 5, 60.0),)
ONE = (1, 0, 0, 0, 0)


class Share:
    """Quotas with a share and a time that a test sets."""

    def __init__(self, fraction: float) -> None:
        self.now_s = 0.0
        self.fraction = fraction
        self.quotas = LocalQuotas(lambda: self.now_s, lambda: self.fraction)

    def taken(self, limits: tuple[Limit, ...] = FIVE) -> int:
        """How many requests pass until one is refused."""
        count = 0
        while asyncio.run(self.quotas.take(("proj", "gpt-4"), limits, ONE)).refusal is None:
            count += 1
        return count


def test_a_database_file_has_one_process() -> None:
    replicas = KnownReplicas(CurrentSnapshot(), None)
    asyncio.run(replicas.look())
    assert (replicas.count, replicas.fraction) == (1, 1.0)


def test_the_database_counts_and_until_then_the_snapshot() -> None:
    found = [3]

    async def look() -> int:
        if not found:
            raise OperationalError("", {}, Exception())
        return found.pop()

    snapshots = current_snapshot()
    replicas = KnownReplicas(snapshots, look)
    assert replicas.count == 1
    snapshots.swap(snapshot_table(replicas=2))
    assert replicas.count == 2
    asyncio.run(replicas.look())
    assert (replicas.count, replicas.fraction) == (3, 1 / 3)
    asyncio.run(replicas.look())
    assert replicas.count == 3, "the last number holds while the database is away"


def test_workers_share_the_places_of_batches_where_the_api_takes_none() -> None:
    replicas = KnownReplicas(current_snapshot(replicas=3), lambda: asyncio.sleep(0, 3))
    assert (replicas.batch_fraction(in_region=True), replicas.batch_fraction(in_region=False)) == (1 / 3, 1 / 2)
    alone = KnownReplicas(CurrentSnapshot(), None)
    assert alone.batch_fraction(in_region=False) == 1


def test_five_on_three_processes() -> None:
    """Each has a bucket of 5/3, and gets one request back every 36 s."""
    processes = [Share(1 / 3) for _ in range(3)]
    assert [each.taken() for each in processes] == [1, 1, 1]
    hour = 0
    for each in processes:
        for _ in range(3600):
            each.now_s += 1
            hour += each.taken()
    assert 299 <= hour <= 300


def test_fewer_requests_than_processes_are_still_possible() -> None:
    processes = [Share(1 / 3) for _ in range(3)]
    two = (Limit(Kind.REQUESTS, 2, 60.0),)
    assert [each.taken(two) for each in processes] == [1, 1, 1]
    for each in processes:
        each.now_s += 80
        assert each.taken(two) == 0
        each.now_s += 11
        assert each.taken(two) == 1


def test_another_number_of_processes_acts_at_once() -> None:
    alone = Share(1.0)
    assert alone.taken() == 5
    alone.fraction = 1 / 2
    assert alone.taken() == 0
    alone.now_s += 60
    assert alone.taken() == 0, "two and a half were taken beyond the half"
    alone.now_s += 24
    assert alone.taken() == 1


async def test_places_are_divided_and_never_none() -> None:
    fraction = 1 / 3
    places = EnginePlaces(lambda: fraction)
    ten, one = places.pool("a", lambda: 10), places.pool("b", lambda: 1)
    assert (ten.places(), one.places()) == (3, 1)
    turns = ten.serve(FairTurns(places=ten.places, places_of_one=10))
    await places.exchange()
    assert [turns.begin("project") for _ in range(4)] == [True, True, True, False]
    waiting = asyncio.create_task(turns.wait("project"))
    await asyncio.sleep(0)
    assert turns.waiting == 1
    fraction = 1 / 2
    await places.exchange()
    await asyncio.wait_for(waiting, 10)
    assert turns.running == 4
    fraction = 1 / 49
    assert places.pool("c", lambda: 98).places() == 2
