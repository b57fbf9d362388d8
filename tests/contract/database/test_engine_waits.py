"""Processes of a region tell each other that interactive requests wait at an engine."""

from dataclasses import dataclass

from sqlalchemy import select, update
from tests.contract.database.conftest import Open
from tests.unit.data_plane.region_parts import NOW_MS, SetClock

from domicile.data_plane.batch_gate import HALVING_S, QUIET_S, BatchGate
from domicile.data_plane.engines.waits import EngineWaits
from domicile.data_plane.tables import engine_wait
from domicile.persistence.database import Database


@dataclass
class Process:
    """A process with two engines, and its own time."""

    name: str
    database: Database
    clock: SetClock

    def __post_init__(self) -> None:
        self.now = 1000.0
        self.gates = {name: BatchGate(16, lambda: self.now) for name in ("one", "two")}
        self.waits = EngineWaits(self.gates, self.database, self.clock, self.name)

    def wait(self, engine: str) -> None:
        with self.gates[engine].interactive_waits():
            pass

    async def places(self) -> tuple[int, int]:
        """Of both engines, after an exchange a second later."""
        self.now += HALVING_S
        await self.waits.exchange()
        return self.gates["one"].places(), self.gates["two"].places()


async def test_lines_of_all_processes_give_way_at_the_engine_where_one_has_waited(databases: Open) -> None:
    clock, database = SetClock(), await databases("region")
    region = Process("rep_region", database, clock)
    workers = [Process(f"rep_{each}", await databases("region", database.url), clock) for each in ("a", "b")]
    assert [await each.places() for each in (region, *workers)] == [(16, 16)] * 3
    region.wait("one")
    assert [await each.places() for each in (region, *workers)] == [(8, 16)] * 3
    assert [await each.places() for each in (region, *workers)] == [(8, 16)] * 3, "one wait is one sign"
    workers[0].wait("one")
    clock.ms = NOW_MS + 1
    assert (await workers[0].places(), await region.places()) == ((4, 16), (4, 16))
    late = Process("rep_late", database, clock)
    assert await late.places() == (8, 16), "a process that starts hears of the last minute"


async def test_a_request_that_still_waits_is_told_again(databases: Open) -> None:
    clock, database = SetClock(), await databases("region")
    region, worker = Process("rep_region", database, clock), Process("rep_worker", database, clock)
    seen = []
    with region.gates["one"].interactive_waits():
        for each in range(3):
            clock.ms = NOW_MS + each
            await region.waits.exchange()
            seen.append(await worker.places())
    assert seen == [(8, 16), (4, 16), (2, 16)]


async def test_a_wait_is_forgotten_after_a_minute(databases: Open) -> None:
    clock, database = SetClock(), await databases("region")
    region, worker = Process("rep_region", database, clock), Process("rep_worker", database, clock)
    region.wait("one")
    await region.places()
    async with database.transaction() as connection:
        earlier = engine_wait.c.waited_at_ms - int(QUIET_S * 1000) - 1
        await connection.execute(update(engine_wait).values(waited_at_ms=earlier))
    assert await worker.places() == (16, 16)
    region.wait("two")
    await region.places()
    async with database.reading() as connection:
        assert (await connection.execute(select(engine_wait.c.engine))).scalars().all() == ["two"]
