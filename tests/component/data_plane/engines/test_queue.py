"""The queue in front of an engine: who waits, who is refused, who leaves, and what is seen of the engine meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineBusyError, EngineCall, EngineRequest
from domicile.data_plane.engines.queue import QueuedEngine
from domicile.data_plane.routing import Router
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
