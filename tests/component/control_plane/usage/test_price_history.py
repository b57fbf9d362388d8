"""The past of a price list is fixed: a start with another past is refused, and old invoices stay as they are."""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from domicile.apps.control.composition import control_plane
from domicile.boundary.usage import Usage
from domicile.catalogue.prices import ModelPrice, PriceList
from domicile.control_plane.usage.price_history import PricesChangedError
from tests.component.control_plane.platform_under_test import CATALOGUE, Platform, ShiftedClock, settings
from tests.component.control_plane.usage.consumer import consumer

MODEL = "gpt-4o-2024-08-06"
FIRST = ModelPrice(model=MODEL, output_tokens=1_000_000)
DAY_S = 86_400


class Restarted:
    """A control plane that is started anew with other prices."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ShiftedClock()
        self.day = self.clock.now_ms() // 1000 // DAY_S

    async def start(self, stack: AsyncExitStack, *prices: ModelPrice) -> Platform:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        catalogue = replace(CATALOGUE, prices=PriceList(prices))
        running = await stack.enter_async_context(
            control_plane(settings(self.folder), clock=self.clock, catalogue=catalogue)
        )
        return Platform(running, self.folder, session, stack)

    async def is_refused(self, *prices: ModelPrice) -> str:
        async with AsyncExitStack() as stack:
            with pytest.raises(PricesChangedError) as refused:
                await self.start(stack, *prices)
        return str(refused.value)


async def cost_of(platform: Platform, key: str, day: int) -> Any:
    path = f"/v1/organization/costs?start_time={day * DAY_S}&end_time={(day + 1) * DAY_S}"
    _, answer = await platform.ask("GET", path, key=key)
    return answer["data"][0]["results"][0]["amount"]["value"]


async def test_an_old_invoice_never_changes_when_a_price_does(tmp_path: Path) -> None:
    installation = Restarted(tmp_path)
    day = installation.day
    async with AsyncExitStack() as stack:
        platform = await installation.start(stack, FIRST)
        who = await consumer(platform, await platform.enrolled("us"))
        await who.report(who.delta(day * DAY_S, usage=Usage(output_tokens=10**9)))
        assert await cost_of(platform, who.admin_key, day) == 1.0
    for changed in (
        ModelPrice(model=MODEL, output_tokens=20),
        ModelPrice(model=MODEL, output_tokens=1_000_000, input_tokens=2),
        ModelPrice(model=MODEL, output_tokens=1_000_000, valid_from=1),
    ):
        refused = await installation.is_refused(changed)
        assert f"the price of '{MODEL}' from the beginning on has been in force" in refused
    assert "has been in force" in await installation.is_refused()
    backdated = ModelPrice(model=MODEL, output_tokens=20, valid_from=day)
    assert "usage of this time has been counted" in await installation.is_refused(FIRST, backdated)
    # From tomorrow on, and until then it may still change.
    later = ModelPrice(model=MODEL, output_tokens=3_000_000, valid_from=day + 1)
    for second in (ModelPrice(model=MODEL, output_tokens=99, valid_from=day + 1), later):
        async with AsyncExitStack() as stack:
            platform = await installation.start(stack, FIRST, second)
    installation.clock.ahead_ms += DAY_S * 1000
    assert "has been in force" in await installation.is_refused(FIRST)
    async with AsyncExitStack() as stack:
        platform = await installation.start(stack, FIRST, later)
        us = await platform.region("us", key=who.region.key)
        us.ahead_ms = installation.clock.ahead_ms
        who.region = us
        answer = await who.report(who.delta((day + 1) * DAY_S, usage=Usage(output_tokens=10**9)))
        assert answer.status == 200
        assert await cost_of(platform, who.admin_key, day) == 1.0
        assert await cost_of(platform, who.admin_key, day + 1) == 3.0


async def test_a_model_without_usage_may_get_any_price(tmp_path: Path) -> None:
    installation = Restarted(tmp_path)
    other = ModelPrice(model="tts-1", characters=2)
    for prices in ((FIRST,), (FIRST, other)):
        async with AsyncExitStack() as stack:
            await installation.start(stack, *prices)


async def test_usage_from_before_there_were_prices_counts_as_spent(tmp_path: Path) -> None:
    installation = Restarted(tmp_path)
    async with AsyncExitStack() as stack:
        platform = await installation.start(stack)
        who = await consumer(platform, await platform.enrolled("us"))
        await who.report(who.delta(installation.day * DAY_S, usage=Usage(output_tokens=3)))
    async with AsyncExitStack() as stack:
        platform = await installation.start(stack, FIRST)
        async with platform.running.database.reading(rows_of="*") as connection:
            rows = (
                await connection.exec_driver_sql("SELECT project_id, nanodollars, femtodollars FROM spending")
            ).all()
        assert [tuple(row) for row in rows] == [(who.project_id, 3, 0)]
