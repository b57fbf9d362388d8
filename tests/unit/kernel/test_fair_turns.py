"""Turns between projects: who is let in, in which order, and that no place is lost."""

import asyncio

import pytest

from domicile.kernel.fair_turns import FairTurns, NoRoomError


class Crowd:
    """Requests that hold their place until they are let go."""

    def __init__(self, turns: FairTurns) -> None:
        self._turns = turns
        self._ends: list[asyncio.Event] = []
        self.inside: list[str] = []

    async def come(self, project: str) -> "asyncio.Task[None]":
        task = asyncio.create_task(self._one(project))
        await self.settle()
        return task

    async def leave(self) -> None:
        """The one that has been inside for the longest."""
        self._ends.pop(0).set()
        self.inside.pop(0)
        await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def _one(self, project: str) -> None:
        async with self._turns.turn(project):
            self.inside.append(project)
            end = asyncio.Event()
            self._ends.append(end)
            await end.wait()


async def test_projects_take_turns_however_many_one_sends() -> None:
    crowd = Crowd(FairTurns(places=1, places_of_one=1, waiting=100, waiting_of_one=50))
    for project in ("a", "a", "a", "a", "b", "b", "c"):
        await crowd.come(project)
    order = []
    for _ in range(7):
        order += crowd.inside
        await crowd.leave()
    assert order == ["a", "b", "a", "c", "b", "a", "a"]


async def test_a_place_goes_to_the_project_that_holds_the_fewest() -> None:
    crowd = Crowd(FairTurns(places=3, places_of_one=3, waiting=100, waiting_of_one=50))
    for project in ("a", "a", "b", "a", "a", "b", "c"):
        await crowd.come(project)
    assert crowd.inside == ["a", "a", "b"]
    await crowd.leave()
    assert crowd.inside == ["a", "b", "c"]
    await crowd.leave()
    assert crowd.inside == ["b", "c", "a"]


async def test_one_project_does_not_hold_every_place() -> None:
    crowd = Crowd(FairTurns(places=2, places_of_one=1, waiting=100, waiting_of_one=50))
    await crowd.come("a")
    await crowd.come("a")
    assert crowd.inside == ["a"]
    await crowd.come("b")
    assert crowd.inside == ["a", "b"]
    await crowd.leave()
    assert crowd.inside == ["b", "a"]


async def test_so_many_may_wait_of_one_and_of_all() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=3, waiting_of_one=2)
    crowd = Crowd(turns)
    for project in ("a", "a", "a"):
        await crowd.come(project)
    with pytest.raises(NoRoomError):
        await asyncio.wait_for(_pass(turns, "a"), 30)
    await crowd.come("b")
    with pytest.raises(NoRoomError):
        await asyncio.wait_for(_pass(turns, "b"), 30)


async def test_a_full_queue_makes_room_for_a_project_that_has_fewer_in_it() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=4, waiting_of_one=2)
    crowd = Crowd(turns)
    for project in ("a", "a", "b", "b"):
        await crowd.come(project)
    newest = await crowd.come("a")
    assert turns.has_room("c")
    await crowd.come("c")
    with pytest.raises(NoRoomError):
        await asyncio.wait_for(newest, 30)
    assert turns.waiting == 4
    order = []
    for _ in range(5):
        order += crowd.inside
        await crowd.leave()
    assert order == ["a", "b", "a", "c", "b"]
    assert (turns.running, turns.waiting) == (0, 0)


async def test_nobody_is_sent_away_for_a_project_that_has_as_many() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=2, waiting_of_one=2)
    crowd = Crowd(turns)
    for project in ("a", "a", "b"):
        await crowd.come(project)
    assert not turns.has_room("a")
    assert not turns.has_room("b")
    assert not turns.has_room("c")


async def test_who_is_sent_away_and_leaves_in_the_same_instant_takes_no_place_along() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=2, waiting_of_one=2)
    crowd = Crowd(turns)
    for project in ("a", "a"):
        await crowd.come(project)
    newest = await crowd.come("a")
    other = asyncio.create_task(_pass(turns, "b"))
    await asyncio.sleep(0)
    newest.cancel()
    await crowd.settle()
    assert (turns.running, turns.waiting) == (1, 2)
    other.cancel()
    await crowd.settle()
    assert (turns.running, turns.waiting) == (1, 1)


async def test_who_leaves_while_waiting_leaves_no_gap() -> None:
    crowd = Crowd(FairTurns(places=1, places_of_one=1, waiting=100, waiting_of_one=50))
    await crowd.come("a")
    gone, _ = await crowd.come("b"), await crowd.come("c")
    gone.cancel()
    await crowd.settle()
    await crowd.leave()
    assert crowd.inside == ["c"]


async def test_who_leaves_in_the_instant_of_being_called_passes_the_place_on() -> None:
    crowd = Crowd(FairTurns(places=1, places_of_one=1, waiting=100, waiting_of_one=50))
    await crowd.come("a")
    called, _ = await crowd.come("b"), await crowd.come("c")
    crowd._ends[0].set()
    # The first task gives its place to the second, which is cancelled before it runs again.
    await asyncio.sleep(0)
    called.cancel()
    await crowd.settle()
    assert crowd.inside[-1] == "c"


async def test_places_are_given_back_while_those_that_wait_leave() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=100, waiting_of_one=50)
    assert turns.begin("a")
    gone = [asyncio.create_task(_pass(turns, project)) for project in ("a", "b", "b")]
    last = asyncio.create_task(_pass(turns, "b"))
    await asyncio.sleep(0)
    for task in gone:
        task.cancel()
    turns.leave("a")
    await asyncio.wait_for(last, 30)
    assert (turns.running, turns.waiting) == (0, 0)


async def test_a_lower_priority_number_goes_before_every_turn() -> None:
    turns = FairTurns(places=1, places_of_one=1)
    assert turns.begin("a")
    order: list[int] = []

    async def come(project: str, priority: int) -> None:
        await turns.wait(project, priority)
        order.append(priority)
        turns.leave(project)

    waiting = [asyncio.create_task(come(*each)) for each in (("b", 5), ("a", 5), ("a", -1), ("b", 0))]
    await asyncio.sleep(0)
    turns.leave("a")
    await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert order == [-1, 0, 5, 5]


class Ranked:
    """Requests with a priority. They begin at once, or wait; each is a task that ends when it has its place."""

    def __init__(self, turns: FairTurns) -> None:
        self.turns = turns
        self.begun: list[tuple[str, int]] = []
        self.refused: list[tuple[str, int]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def come(self, *arriving: tuple[str, int]) -> None:
        for project, priority in arriving:
            self._tasks.append(asyncio.create_task(self._one(project, priority)))
            for _ in range(3):
                await asyncio.sleep(0)

    async def leave(self, project: str, priority: int) -> None:
        self.turns.leave(project, priority)
        for _ in range(5):
            await asyncio.sleep(0)

    async def _one(self, project: str, priority: int) -> None:
        try:
            if not self.turns.begin(project, priority):
                await self.turns.wait(project, priority)
        except NoRoomError:
            self.refused.append((project, priority))
        else:
            self.begun.append((project, priority))


async def test_reserved_places_are_for_negative_priorities_only() -> None:
    reserved = 2
    ranked = Ranked(FairTurns(places=4, places_of_one=4, reserved=lambda _places: reserved))
    await ranked.come(("a", 0), ("a", 1), ("b", 0), ("b", 1))
    assert ranked.begun == [("a", 0), ("a", 1)]
    await ranked.come(("c", -1), ("c", -1), ("c", -1))
    assert ranked.begun[2:] == [("c", -1), ("c", -1)]
    await ranked.leave("a", 0)
    assert ranked.begun[4:] == [("c", -1)], "a waiting one may take a place of the others too"
    await ranked.leave("c", -1)
    assert ranked.begun[5:] == [("b", 0)], "and then the others get theirs back"
    await ranked.leave("c", -1)
    assert ranked.begun[6:] == [], "one place stays free for the next"
    reserved = 0
    await ranked.leave("b", 0)
    assert ranked.begun[6:] == [("b", 1)]


async def test_projects_take_turns_within_each_priority() -> None:
    ranked = Ranked(FairTurns(places=1, places_of_one=1))
    await ranked.come(("a", 0))
    await ranked.come(("a", 0), ("a", 0), ("a", -1), ("a", -1), ("b", 0), ("b", -1), ("c", 1))
    for _ in range(7):
        await ranked.leave(*ranked.begun[-1])
    assert ranked.begun[1:] == [("b", -1), ("a", -1), ("a", -1), ("b", 0), ("a", 0), ("a", 0), ("c", 1)]


async def test_in_a_full_queue_a_lower_number_takes_the_room_of_the_newest_with_the_highest() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=4, waiting_of_one=3)
    ranked = Ranked(turns)
    await ranked.come(("a", 0), ("a", 0), ("b", 1), ("b", 0), ("b", 0))
    assert turns.has_room("c", -1)
    await ranked.come(("c", -1))
    assert ranked.refused == [("b", 1)]
    await ranked.come(("c", -1), ("c", -1))
    assert ranked.refused[1:] == [("b", 0), ("a", 0)], "of the longest queue, its newest"
    await ranked.come(("c", -1))
    assert ranked.refused[3:] == [("c", -1)], "no project waits with more than its share"
    assert not turns.has_room("a", 0)
    assert turns.waiting == 4


async def test_a_project_whose_queue_is_full_gives_way_to_its_own_lower_number() -> None:
    turns = FairTurns(places=1, places_of_one=1, waiting=10, waiting_of_one=2)
    ranked = Ranked(turns)
    await ranked.come(("a", 0), ("a", 0), ("a", 0), ("b", 5))
    assert (turns.has_room("a", 0), turns.has_room("a", -1)) == (False, True)
    await ranked.come(("a", -1))
    assert ranked.refused == [("a", 0)]
    assert turns.waiting == 3


async def _pass(turns: FairTurns, project: str) -> None:
    async with turns.turn(project):
        return
