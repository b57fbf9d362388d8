"""The queue in front of an engine: who waits, who is refused, who leaves, and what is seen of the engine meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineBusyError, EngineCall, EngineRequest
from domicile.data_plane.engines.queue import QueuedEngine
from domicile.data_plane.routing import Router
from domicile.kernel.rank import Rank
from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.unit.data_plane.inference.inference_under_test import ScriptedEngine
from tests.unit.data_plane.region_parts import PROJECT, engine_settings, until


@pytest_asyncio.fixture
async def stub(tmp_path: Path) -> AsyncIterator[StubEngine]:
    with stub_engine(tmp_path, "one") as engine:
        yield engine


def waiting(region: RegionUnderTest, count: int) -> bool:
    return region.router.condition("one").turns.waiting == count


async def test_beyond_the_bound_it_is_503_and_a_place_goes_to_whoever_waits(tmp_path: Path, stub: StubEngine) -> None:
    settings = engine_settings("one", socket=stub.socket, max_concurrency=1, max_queue=1)
    async with region_under_test(tmp_path, [settings]) as region:
        first = asyncio.create_task(region.chat("do:endless", stream=True))
        await stub.until_open(1)
        second = asyncio.create_task(region.chat("second"))
        await until(lambda: waiting(region, 1), what="the second waits")
        third = await region.chat("third")
        assert (third.status_code, third.json()["error"]["code"]) == (503, "engine_unavailable")
        assert third.headers["retry-after"] == "1"
        assert not second.done()
        first.cancel()
        answer = await asyncio.wait_for(second, 30)
        assert answer.status_code == 200
        condition = region.router.condition("one")
        await until(lambda: condition.outstanding == 0, what="all places are free")
        assert [request["body"]["messages"][0]["content"] for request in stub.received] == ["do:endless", "second"]


async def test_whoever_leaves_the_queue_is_not_metered_and_never_reaches_the_engine(
    tmp_path: Path, stub: StubEngine
) -> None:
    settings = engine_settings("one", socket=stub.socket, max_concurrency=1, max_queue=4)
    async with region_under_test(tmp_path, [settings]) as region:
        first = asyncio.create_task(region.chat("do:endless", stream=True))
        await stub.until_open(1)
        left = [asyncio.create_task(region.chat("left", stream=stream)) for stream in (False, True)]
        await until(lambda: waiting(region, 2), what="both wait")
        for task in left:
            task.cancel()
        await until(lambda: waiting(region, 0), what="both have left")
        first.cancel()
        [row] = await region.ledger(1)
        assert row.outcome == "client_left"
        assert (await region.chat("next")).status_code == 200
        assert len(await region.ledger(2)) == 2
        assert "left" not in [request["body"]["messages"][0]["content"] for request in stub.received]


async def test_whoever_waits_too_long_is_told_so(tmp_path: Path, stub: StubEngine) -> None:
    settings = engine_settings("one", socket=stub.socket, max_concurrency=1, queue_timeout_s=0.2)
    async with region_under_test(tmp_path, [settings]) as region:
        first = asyncio.create_task(region.chat("do:endless", stream=True))
        await stub.until_open(1)
        answer = await region.chat("hello")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")
        assert "is busy" in answer.json()["error"]["message"]
        assert not region.router.condition("one").breaker.is_open, "to be busy is no fault"
        first.cancel()


@pytest.mark.parametrize(
    ("command", "opens"), [("500", True), ("401", False), ("404", False), ("408", True), ("429", False), ("400", False)]
)
async def test_an_engine_that_fails_three_times_is_left_alone(
    tmp_path: Path, stub: StubEngine, command: str, opens: bool
) -> None:
    async with region_under_test(tmp_path, [engine_settings("one", socket=stub.socket)]) as region:
        for _ in range(3):
            assert (await region.chat(f"do:{command}")).status_code >= 400
        assert region.router.condition("one").breaker.is_open is opens
        assert (await region.chat("hello")).status_code == (503 if opens else 200)
        assert len(stub.received) == (3 if opens else 4)


async def test_an_engine_that_was_lost_since_it_was_chosen_is_not_asked() -> None:
    """Others pass between the router's choice and the queue while a large request is encoded."""
    settings = engine_settings("one")
    router, engine = Router([settings]), ScriptedEngine(b"{}")
    router.report("one", healthy=True)
    queued = QueuedEngine(engine, settings, router.condition("one"))
    call = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"{}"))
    assert await queued.complete(call) == b"{}"
    router.report("one", healthy=False)
    with pytest.raises(EngineBusyError):
        await queued.complete(call)
    assert engine.calls == [call]
    assert router.condition("one").outstanding == 0


async def test_one_that_is_well_again_is_used_again(tmp_path: Path, stub: StubEngine) -> None:
    async with region_under_test(tmp_path, [engine_settings("one", socket=stub.socket)]) as region:
        for _ in range(3):
            await region.chat("do:500")
        breaker = region.router.condition("one").breaker
        await until(breaker.allows, what="the pause is over")
        assert (await region.chat("hello", stream=True)).status_code == 200
        assert not breaker.is_open


class HeldEngine:
    """Answers nothing until it is released. Says what it is asked."""

    def __init__(self) -> None:
        self.calls: list[EngineCall] = []
        self.released = asyncio.Event()

    async def complete(self, call: EngineCall) -> bytes:
        self.calls.append(call)
        await self.released.wait()
        return b"{}"

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError


@pytest.mark.parametrize(("members", "share"), [({}, 2), ({"preemptive": True}, 8), ({"batch_share": 0.01}, 1)])
async def test_lines_of_batches_take_their_share_and_leave_the_rest(members: dict[str, float], share: int) -> None:
    settings = engine_settings("one", max_concurrency=8, **members)
    router, engine = Router([settings]), HeldEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    line = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"{}"), rank=Rank.BATCH)
    asked = replace(line, rank=Rank.DEFAULT)
    lines = [asyncio.create_task(queued.complete(line)) for _ in range(20)]
    await until(lambda: condition.batch_turns.waiting == 20 - share, what="the others wait for the share")
    assert len(engine.calls) == share
    if share < 8:
        interactive = asyncio.create_task(queued.complete(asked))
        await until(lambda: asked in engine.calls, what="an interactive request is asked at once")
    lines[-1].cancel()
    await until(lambda: condition.batch_turns.waiting == 19 - share, what="one has left")
    engine.released.set()
    done = await asyncio.gather(*lines, return_exceptions=True)
    assert [each for each in done if each != b"{}"] == [done[-1]]
    if share < 8:
        assert await interactive == b"{}"
    assert (condition.outstanding, condition.batch_turns.running) == (0, 0)


async def test_an_interactive_request_goes_before_the_lines_that_wait_with_it() -> None:
    settings = engine_settings("one", max_concurrency=1)
    router, engine = Router([settings]), HeldEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    first = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", "proj_first", EngineRequest(b"{}"))
    line = replace(first, project_id=PROJECT, rank=Rank.BATCH)
    asked = replace(first, project_id=PROJECT)
    tasks = []
    for call in (first, line, asked):
        tasks.append(asyncio.create_task(queued.complete(call)))
        await until(lambda: condition.outstanding == len(tasks), what="it runs or waits")
    engine.released.set()
    await asyncio.gather(*tasks)
    assert engine.calls == [first, asked, line]


async def test_lines_hold_half_of_their_places_once_an_interactive_request_has_waited() -> None:
    settings = engine_settings("one", max_concurrency=8, batch_share=0.5)
    router, engine = Router([settings]), HeldEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    line = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"{}"), rank=Rank.BATCH)
    lines = [asyncio.create_task(queued.complete(line)) for _ in range(5)]
    await until(lambda: len(engine.calls) == 4, what="the lines take their share")
    assert condition.batch_gate.places() == 4, "a line that waits is no sign"
    asked = [asyncio.create_task(queued.complete(replace(line, rank=Rank.DEFAULT))) for _ in range(5)]
    await until(lambda: condition.turns.waiting == 1, what="one of five interactive requests waits")
    assert condition.batch_gate.places() == 2
    lines[0].cancel()
    await until(lambda: condition.turns.waiting == 0, what="it gets the line's place")
    assert condition.batch_turns.waiting == 1, "no further line begins while more than two run"
    engine.released.set()
    await asyncio.gather(*asked, *lines[1:])


@pytest.mark.parametrize(("endpoint", "is_told"), [(Endpoint.CHAT_COMPLETIONS, True), (Endpoint.EMBEDDINGS, False)])
@pytest.mark.parametrize(("rank", "priority"), [(Rank.SCALE, -1), (Rank.BATCH, 1)])
async def test_a_preemptive_engine_is_told_the_rank(
    endpoint: Endpoint, is_told: bool, rank: Rank, priority: int
) -> None:
    asked = EngineCall(endpoint, "model", PROJECT, EngineRequest(b'{"model":"m"}'))
    ranked, told = replace(asked, rank=rank), EngineRequest(b'{"model":"m","priority":%d}' % priority)
    for members in ({"preemptive": True}, {}):
        settings = engine_settings("one", **members)
        router, engine = Router([settings]), ScriptedEngine(b"{}")
        router.report("one", healthy=True)
        queued = QueuedEngine(engine, settings, router.condition("one"))
        await queued.complete(asked)
        await queued.complete(ranked)
        assert engine.calls == [asked, replace(ranked, request=told) if is_told and members else ranked]


@pytest.mark.contract("C19")
async def test_waiting_requests_go_in_the_order_scale_default_batch_and_projects_take_turns() -> None:
    settings = engine_settings("one", max_concurrency=1)
    router, engine = Router([settings]), HeldEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    first = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", "proj_first", EngineRequest(b"{}"))
    line = replace(first, project_id="proj_lines", rank=Rank.BATCH)
    flood, few = replace(first, project_id="proj_flood"), replace(first, project_id="proj_few")
    bought, also_bought = (replace(each, rank=Rank.SCALE) for each in (few, flood))
    arriving = (first, line, flood, flood, flood, few, bought, also_bought, bought)
    tasks = []
    for call in arriving:
        tasks.append(asyncio.create_task(queued.complete(call)))
        await until(lambda: condition.outstanding == len(tasks), what="it runs or waits")
    assert condition.batch_gate.is_waited_at
    engine.released.set()
    await asyncio.gather(*tasks)
    assert engine.calls == [first, also_bought, bought, bought, flood, few, flood, flood, line]


@pytest.mark.contract("C19")
@pytest.mark.parametrize(("members", "kept"), [({}, 2), ({"scale_share": 0.5}, 4), ({"scale_share": 0.01}, 1)])
async def test_places_are_kept_while_capacity_of_a_model_is_bought(members: dict[str, float], kept: int) -> None:
    settings = engine_settings("one", max_concurrency=8, **members)
    bought: set[str] = set()
    router, engine = Router([settings], entitled=lambda models: not bought.isdisjoint(models)), HeldEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    call = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"{}"))
    bought.add("gpt-4o-2024-08-06")
    default = [asyncio.create_task(queued.complete(call)) for _ in range(9)]
    await until(lambda: condition.turns.waiting == 1 + kept, what="the kept places stay free")
    assert len(engine.calls) == 8 - kept
    scale = [asyncio.create_task(queued.complete(replace(call, rank=Rank.SCALE))) for _ in range(kept)]
    await until(lambda: len(engine.calls) == 8, what="scale traffic begins at once")
    more = asyncio.create_task(queued.complete(replace(call, rank=Rank.SCALE)))
    await until(
        lambda: condition.turns.waiting == 2 + kept, what="it may take a place of the others, and waits for one"
    )
    default[0].cancel()
    await until(lambda: engine.calls[-1].rank is Rank.SCALE and len(engine.calls) == 9, what="it is the next")
    bought.clear()
    scale[0].cancel()
    await until(lambda: engine.calls[-1].rank is Rank.DEFAULT, what="nothing is kept once no capacity is bought")
    engine.released.set()
    await asyncio.gather(*default, *scale, more, return_exceptions=True)
    assert condition.outstanding == 0


async def test_nothing_is_kept_at_a_preemptive_engine_nor_of_a_single_place() -> None:
    assert engine_settings("one", max_concurrency=8, preemptive=True).scale_places(8) == 0
    settings = engine_settings("one", max_concurrency=8)
    # Of the places of one process, which may be fewer than all.
    assert [settings.scale_places(places) for places in (0, 1, 2, 4, 8)] == [0, 0, 1, 1, 2]


class SteppedEngine:
    """Each call runs until the test ends it. Says in which order calls began."""

    def __init__(self) -> None:
        self.began: list[EngineCall] = []
        self._ends: list[tuple[EngineCall, asyncio.Event]] = []

    async def complete(self, call: EngineCall) -> bytes:
        self.began.append(call)
        end = asyncio.Event()
        self._ends.append((call, end))
        await end.wait()
        return b"{}"

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        raise NotImplementedError

    @property
    def running(self) -> list[EngineCall]:
        """The calls that run, oldest first."""
        return [call for call, _ in self._ends]

    def end_oldest(self, rank: Rank) -> None:
        """End the oldest call of this rank."""
        place = next(place for place, (call, _) in enumerate(self._ends) if call.rank is rank)
        self._ends.pop(place)[1].set()


@pytest.mark.contract("C19")
async def test_under_ten_times_the_load_scale_begins_at_once_projects_share_and_lines_get_the_rest() -> None:
    settings = engine_settings("one", max_concurrency=8, max_queue=400)
    router, engine = Router([settings], entitled=lambda _models: True), SteppedEngine()
    router.report("one", healthy=True)
    condition = router.condition("one")
    queued = QueuedEngine(engine, settings, condition)
    bought = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", "proj_bought", EngineRequest(b"{}"), Rank.SCALE)
    flood, second = (replace(bought, project_id=name, rank=Rank.DEFAULT) for name in ("proj_flood", "proj_second"))
    line = replace(bought, project_id="proj_lines", rank=Rank.BATCH)
    tasks = [asyncio.create_task(queued.complete(call)) for call in [line] * 8 + [flood] * 80 + [second] * 8]
    await until(lambda: condition.turns.waiting + condition.batch_turns.waiting == 96 - 6, what="the engine is full")
    assert len(engine.running) == 6, "two of eight places are kept"
    for _ in range(82):
        tasks.append(asyncio.create_task(queued.complete(bought)))
        count = len(engine.began)
        await until(lambda: len(engine.began) > count, what="a scale request begins although nothing has ended")  # noqa: B023
        assert engine.began[-1] is bought
        engine.end_oldest(Rank.SCALE)
        ending = Rank.BATCH if Rank.BATCH in {call.rank for call in engine.running} else Rank.DEFAULT
        count = len(engine.began)
        engine.end_oldest(ending)
        await until(lambda: len(engine.began) > count, what="the next one begins")  # noqa: B023
        assert sum(call.rank is Rank.BATCH for call in engine.running) <= condition.batch_gate.places() + 1
    others = [call for call in engine.began if call.rank is not Rank.SCALE]
    begun_of_second = [place for place, call in enumerate(others) if call is second]
    assert len(begun_of_second) == 8
    assert begun_of_second[-1] < 24, "the second project has its turns, whatever the first one sends"
    first_lines = sum(call is line for call in others[:8])
    assert {call.project_id for call in others[first_lines:80]} == {"proj_flood", "proj_second"}, "no line meanwhile"
    while not all(task.done() for task in tasks):
        if engine.running:
            engine.end_oldest(engine.running[0].rank)
        await asyncio.sleep(0)
    assert sum(call is line for call in engine.began) == 8
    assert (condition.outstanding, condition.batch_turns.running) == (0, 0)
