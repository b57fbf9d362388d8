"""Turns and places: no tenant starves another, and whoever leaves leaves nothing behind."""

import asyncio

import pytest

from domicile_engines.runtime.errors import Refusal
from domicile_engines.runtime.turns import Places, Turns


def test_every_further_tenant_finds_a_place() -> None:
    places = Places(64)
    for tenant in map(str, range(5)):
        taken = 0
        with pytest.raises(Refusal):
            while True:
                places.take(tenant)
                taken += 1
        assert taken >= 2


async def test_a_waiter_that_leaves_is_passed_over() -> None:
    turns = Turns(1)
    order: list[str] = []

    async def take(name: str) -> None:
        async with turns.turn(name):
            order.append(name)

    async with turns.turn("running"):
        leaving, leaving_late, staying = [asyncio.create_task(take(name)) for name in ("early", "late", "staying")]
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.wait([leaving])
        # In the very step in which the turn ends.
        leaving_late.cancel()
    async with asyncio.timeout(10):
        await staying
        async with turns.turn("last"):
            order.append("last")
    assert order == ["staying", "last"]


async def test_a_turn_granted_to_one_that_leaves_goes_to_the_next() -> None:
    turns = Turns(1)
    async with turns.turn("running"):
        granted = asyncio.create_task(turns.turn("left").__aenter__())
        await asyncio.sleep(0)
    granted.cancel()
    await asyncio.wait([granted])
    async with asyncio.timeout(10), turns.turn("next"):
        pass


async def test_one_tenant_does_not_hold_every_place() -> None:
    turns = Turns(2, of_one=1)
    began: list[str] = []
    end = asyncio.Event()

    async def hold(tenant: str) -> None:
        async with turns.turn(tenant):
            began.append(tenant)
            await end.wait()

    tasks = [asyncio.create_task(hold(tenant)) for tenant in ("flood", "flood", "single")]
    async with asyncio.timeout(10):
        while len(began) < 2:
            await asyncio.sleep(0)
        assert began == ["flood", "single"]
        end.set()
        await asyncio.gather(*tasks)
    assert began == ["flood", "single", "flood"]
