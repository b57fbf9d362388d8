"""Places at an engine, shared by processes of a region: never more together than there are, and none waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.platform.valkey_server import ValkeyServer, running_valkey
from tests.unit.data_plane.region_parts import until

from domicile.data_plane.limits.places import LEASE_S, EnginePlaces
from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore
from domicile.kernel.fair_turns import FairTurns


@dataclass
class Shared:
    """An engine's places, and all that run at it."""

    total: int
    running: int = 0
    most: int = 0


@dataclass
class Process:
    """One process of the region, with requests that run until they are let go."""

    places: EnginePlaces
    turns: FairTurns
    shared: Shared
    go: asyncio.Event = field(default_factory=asyncio.Event)
    ended: int = 0
    requests: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, count: int, *, takes_s: float | None = None) -> None:
        """So many requests arrive. They run until `go`, or for `takes_s`."""
        for _ in range(count):
            task = asyncio.create_task(self._request(takes_s))
            self.requests.add(task)
            task.add_done_callback(self.requests.discard)

    async def _request(self, takes_s: float | None) -> None:
        async with self.turns.turn("project"):
            self.shared.running += 1
            self.shared.most = max(self.shared.most, self.shared.running)
            try:
                await (self.go.wait() if takes_s is None else asyncio.sleep(takes_s))
            finally:
                self.shared.running -= 1
        self.ended += 1

    async def until_running(self, count: int) -> None:
        await until(lambda: self.turns.running == count, within_s=30, what=f"{count} run")


class Region:
    """Processes that come and go."""

    def __init__(self, stack: AsyncExitStack, server: ValkeyServer, owner: tuple[str, ...]) -> None:
        self._stack = stack
        self._server = server
        self._engine = owner[0]
        self.shared = Shared(0)

    async def processes(self, count: int, *, total: int, running: bool = True) -> list[Process]:
        self.shared.total = total
        made = []
        for number in range(count):
            store = ValkeyStore(ValkeyAddress(Path(self._server.socket)), 5.0)
            self._stack.push_async_callback(store.close)
            places = EnginePlaces(lambda: 1 / count, store=store, region="eu", process=f"rep_{number}")
            pool = places.pool(self._engine, lambda: self.shared.total)
            turns = pool.serve(FairTurns(places=pool.places, places_of_one=total))
            made.append(Process(places, turns, self.shared))
        for process in made:
            self._stack.callback(process.go.set)
            await process.places.exchange()
        if running:
            for process in made:
                self._stack.callback(asyncio.create_task(process.places.run()).cancel)
        return made


@pytest.fixture
async def region(valkey: ValkeyServer, owner: tuple[str, ...]) -> AsyncIterator[Region]:
    async with AsyncExitStack() as stack:
        yield Region(stack, valkey, owner)


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    with running_valkey() as server:
        yield server


async def test_one_busy_process_gets_what_the_others_do_not_need(region: Region) -> None:
    first, *_ = await region.processes(3, total=12)
    first.begin(12)
    # One that rests keeps nothing back when another needs it.
    await first.until_running(12)
    assert region.shared.most == 12


async def test_a_process_that_waits_gets_its_part_when_requests_end(region: Region) -> None:
    first, second = await region.processes(2, total=4)
    first.begin(40, takes_s=0.1)
    await first.until_running(4)
    second.begin(20, takes_s=0.1)
    await until(lambda: second.ended == 20, within_s=60, what="the second is served")
    assert first.ended < 40, "they took turns"
    assert region.shared.most <= 4


async def test_fewer_places_than_processes(region: Region) -> None:
    processes = await region.processes(3, total=1)
    for process in processes:
        process.begin(2, takes_s=0.01)
    await until(lambda: all(process.ended == 2 for process in processes), within_s=60, what="all are served")
    assert region.shared.most == 1


async def test_never_more_than_there_are(region: Region) -> None:
    processes = await region.processes(4, total=6)
    for number in range(60):
        processes[number % 3].begin(1 + number % 4, takes_s=0.02 * (number % 5))
        await asyncio.sleep(0.03)
    await until(lambda: not any(process.requests for process in processes), within_s=60, what="all have ended")
    assert region.shared.most <= 6


async def test_the_places_of_a_process_that_died_come_back(region: Region) -> None:
    dead, alive = await region.processes(2, total=4, running=False)
    for _ in range(3):
        dead.begin(1)
        await dead.places.exchange()
        await alive.places.exchange()
    alive.begin(4)
    task = asyncio.create_task(alive.places.run())
    began = asyncio.get_running_loop().time()
    await alive.until_running(4)
    task.cancel()
    assert asyncio.get_running_loop().time() - began >= LEASE_S / 2


async def test_without_the_store_each_has_an_equal_part(own_valkey: ValkeyServer) -> None:
    async with AsyncExitStack() as stack:
        region = Region(stack, own_valkey, ("engine",))
        first, second = await region.processes(2, total=5)
        first.begin(9)
        await first.until_running(5)
        with capture_logs() as logs:
            own_valkey.kill()
            second.begin(9)
            await second.until_running(2)
        assert {each["event"] for each in logs} == {"engine_places_shared_evenly"}
        first.go.set()
        await until(lambda: first.ended == 9, what="the first has ended")
        own_valkey.start()
        # The first needs none any more.
        await second.until_running(5)


async def test_a_smaller_total_is_kept_once_requests_have_ended(region: Region) -> None:
    first, second = await region.processes(2, total=8)
    first.begin(4)
    second.begin(4)
    await first.until_running(4)
    await second.until_running(4)
    region.shared.total = 2
    first.go.set()
    second.go.set()
    await until(lambda: not first.requests and not second.requests, what="all have ended")
    # Each gives up places in one call, and says so in the next.
    for process in (first, second, first, second):
        await process.places.exchange()
    region.shared.most = 0
    for process in (first, second):
        process.begin(6, takes_s=0.05)
    await until(lambda: (first.ended, second.ended) == (10, 10), within_s=60, what="all are served")
    assert region.shared.most <= 2
