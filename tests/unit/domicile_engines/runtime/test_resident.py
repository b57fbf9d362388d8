"""A model that comes and goes: loaded once, let go when idle, and never kept by somebody who has left."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager

import pytest

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.places import WAITING_MAX
from domicile_engines.runtime.resident import Resident
from domicile_engines.runtime.weights import WeightsError

FOR_EVER_S = 3600.0


class Loader:
    """Loads a new model each time: the number of the load."""

    def __init__(self) -> None:
        self.loads = 0
        self.may_load = threading.Event()
        self.may_load.set()
        self.failures: list[Exception] = []

    def __call__(self) -> int:
        assert self.may_load.wait(10)
        self.loads += 1
        if self.failures:
            raise self.failures.pop()
        return self.loads


@asynccontextmanager
async def resident(
    load: Loader, idle_s: float = FOR_EVER_S, workers: int = 1, streams_max: int | None = None
) -> AsyncIterator[Resident[int]]:
    model = Resident("model", load, idle_s=idle_s, workers=workers, streams_max=streams_max)
    try:
        yield model
    finally:
        load.may_load.set()
        await model.close()


def number(model: int, _: threading.Event) -> int:
    return model


def until_left(begun: threading.Event) -> Callable[[int, threading.Event], bool]:
    """Work that only ends when it is told that the client has left."""

    def work(_: int, left: threading.Event) -> bool:
        begun.set()
        return left.wait(10)

    return work


async def begun_work(model: Resident[int]) -> "asyncio.Task[bool]":
    begun = threading.Event()
    working = asyncio.create_task(model.run(until_left(begun), None))
    assert await asyncio.to_thread(begun.wait, 10)
    return working


async def unloaded(model: Resident[int]) -> None:
    async with asyncio.timeout(10):
        while model.is_loaded:
            await asyncio.sleep(0)


async def test_it_is_loaded_once_for_all_who_come_at_the_same_time() -> None:
    load = Loader()
    load.may_load.clear()
    async with resident(load, workers=4) as model:
        asked = [asyncio.create_task(model.run(number, None)) for _ in range(8)]
        await asyncio.sleep(0)
        load.may_load.set()
        assert await asyncio.gather(*asked) == [1] * 8
        assert load.loads == 1


async def test_idle_it_is_unloaded_and_comes_back_at_the_next_request() -> None:
    async with resident(Loader(), idle_s=0.01) as model:
        assert await model.run(number, None) == 1
        await unloaded(model)
        assert await model.run(number, None) == 2


async def test_who_leaves_while_it_loads_leaves_the_load_to_the_next() -> None:
    load = Loader()
    load.may_load.clear()
    async with resident(load) as model:
        left = asyncio.create_task(model.run(number, None))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        load.may_load.set()
        assert await model.run(number, None) == 1


async def test_a_model_that_came_when_everybody_had_left_is_let_go_too() -> None:
    load = Loader()
    load.may_load.clear()
    async with resident(load, idle_s=0.01) as model:
        left = asyncio.create_task(model.run(number, None))
        await asyncio.sleep(0)
        left.cancel()
        await asyncio.wait([left])
        load.may_load.set()
        assert await model.run(number, None) == 1
        await unloaded(model)


async def test_cancelling_ends_the_work_and_frees_its_worker() -> None:
    async with resident(Loader()) as model:
        working = await begun_work(model)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        async with asyncio.timeout(5):
            assert await model.run(number, None) == 1


async def test_a_full_queue_refuses_before_anything_begins() -> None:
    async with resident(Loader()) as model:
        working = await begun_work(model)
        # One has half of the places at most, so that the rest is left for others.
        waiting = [asyncio.create_task(model.run(number, "flood")) for _ in range(WAITING_MAX // 2)]
        await asyncio.sleep(0)
        with pytest.raises(DomicileError) as refused:
            await model.run(number, "flood")
        assert (refused.value.category.value[0], refused.value.retry_after_s) == (429, 2)
        single = asyncio.create_task(model.run(number, "single"))
        working.cancel()
        assert await asyncio.gather(*waiting, single) == [1] * (WAITING_MAX // 2 + 1)


@pytest.mark.parametrize("kind", ["run", "run_in_turns", "stream"])
async def test_tenants_take_turns(kind: str) -> None:
    order: list[str] = []

    def of(tenant: str) -> Callable[[int, threading.Event], Iterator[str]]:
        def work(_: int, __: threading.Event) -> Iterator[str]:
            order.append(tenant)
            return iter([tenant])

        return work

    async def ask(model: Resident[int], tenant: str) -> None:
        if kind == "run":
            await model.run(of(tenant), tenant)
        elif kind == "run_in_turns":
            await model.run_in_turns([of(tenant)], tenant)
        else:
            assert [item async for item in model.stream(of(tenant), tenant)] == [tenant]

    async with resident(Loader(), streams_max=1) as model:
        working = await begun_work(model)
        asked = [asyncio.create_task(ask(model, tenant)) for tenant in (*["flood"] * 5, "single")]
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.gather(*asked)
    # A place that was free goes to the first, whoever it is.
    assert order.index("single") <= 2


async def test_a_stream_comes_item_by_item_and_closing_it_ends_the_work() -> None:
    ended = threading.Event()

    def counting(_: int, left: threading.Event) -> Iterator[int]:
        try:
            yield from iter(int, 1)
        finally:
            assert left.is_set()
            ended.set()

    async with resident(Loader()) as model:
        async with aclosing(model.stream(counting, None)) as items:
            assert [await anext(items), await anext(items)] == [0, 0]
            assert not ended.is_set()
        assert ended.is_set()
        assert [item async for item in model.stream(lambda model, _: iter([model, 7]), None)] == [1, 7]


async def test_a_stream_whose_reader_has_stopped_holds_nobody_up() -> None:
    async with resident(Loader()) as model, aclosing(model.stream(lambda model, _: iter([model, 7]), None)) as items:
        assert await anext(items) == 1
        async with asyncio.timeout(10):
            assert await model.run(number, None) == 1
        assert await anext(items) == 7


async def test_between_the_pieces_of_a_long_work_others_have_their_turn() -> None:
    order: list[str] = []
    first_runs, others_wait = threading.Event(), threading.Event()

    def piece(_: int, __: threading.Event) -> str:
        first_runs.set()
        assert others_wait.wait(10)
        order.append("long")
        return "long"

    def short(_: int, __: threading.Event) -> None:
        order.append("short")

    async with resident(Loader()) as model:
        long = asyncio.create_task(model.run_in_turns([piece, piece, piece], None))
        assert await asyncio.to_thread(first_runs.wait, 10)
        other = asyncio.create_task(model.run(short, None))
        await asyncio.sleep(0)
        others_wait.set()
        await other
        assert await long == ["long"] * 3
        assert order == ["long", "short", "long", "long"]


async def test_of_streams_that_keep_much_in_memory_so_many_are_under_way_and_no_more() -> None:
    begun: list[str] = []

    def counting(name: str) -> Callable[[int, threading.Event], Iterator[str]]:
        def work(_: int, __: threading.Event) -> Iterator[str]:
            begun.append(name)
            yield name

        return work

    async with asyncio.timeout(10), resident(Loader(), streams_max=1) as model:
        async with aclosing(model.stream(counting("first"), None)) as first:
            assert await anext(first) == "first"
            second = asyncio.create_task(anext(model.stream(counting("second"), None)))
            await asyncio.to_thread(lambda: None)
            assert begun == ["first"]
        assert await second == "second"


async def test_a_tenant_leaves_a_stream_to_the_others() -> None:
    """Two recordings of an hour would otherwise be all that anybody hears for many minutes."""

    def endless(_: int, __: threading.Event) -> Iterator[int]:
        yield from iter(int, 1)

    async with asyncio.timeout(10), resident(Loader(), streams_max=2) as model:
        first, second = model.stream(endless, "flood"), model.stream(endless, "flood")
        async with aclosing(first), aclosing(second):
            assert await anext(first) == 0
            waiting = asyncio.create_task(anext(second))
            await asyncio.to_thread(lambda: None)
            assert [item async for item in model.stream(lambda model, _: iter([7]), "single")] == [7]
            assert not waiting.done()
            await first.aclose()
            assert await waiting == 0


async def test_what_the_work_raises_is_raised_and_the_worker_goes_on() -> None:
    def fail(_: int, __: threading.Event) -> int:
        raise errors.invalid_value("Not so.", "input")

    async with resident(Loader()) as model:
        with pytest.raises(DomicileError, match="invalid_value"):
            await model.run(fail, None)
        assert await model.run(number, None) == 1


@pytest.mark.parametrize(
    ("failure", "said"), [(ValueError("SECRET"), "ValueError"), (WeightsError("no such file"), "no such file")]
)
async def test_a_load_that_fails_is_tried_again_at_the_next_request(
    failure: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    load = Loader()
    load.failures = [failure]
    async with resident(load) as model:
        with pytest.raises(DomicileError) as refused:
            await model.run(number, None)
        assert (refused.value.category.value[0], refused.value.code) == (503, "engine_unavailable")
        assert str(failure) not in refused.value.message
        assert await model.run(number, None) == 2
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == [f"model cannot be loaded: {said}"]


async def test_closing_tells_what_still_runs() -> None:
    async with resident(Loader()) as model:
        working = await begun_work(model)
        await model.close()
        async with asyncio.timeout(5):
            assert await working
