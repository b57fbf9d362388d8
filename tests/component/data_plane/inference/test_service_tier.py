"""`service_tier` as the official client meets it in a region: what was bought, and the tier that was used (contract C19)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.service_levels import ServiceLevelReport
from tests.component.data_plane.region_under_test import (
    MODEL,
    RegionUnderTest,
    StubEngine,
    region_under_test,
    stub_engine,
)
from tests.unit.data_plane.metering.entries import in_outbox
from tests.unit.data_plane.region_parts import NOW_MS, engine_settings

pytestmark = pytest.mark.contract("C19")

TALK: Any = [{"role": "user", "content": "hello"}]
BOUGHT = Entitlement("ent_" + "1" * 24, (MODEL,), 10_000, 200, NOW_MS - 1000, NOW_MS + 3_600_000)


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    engine = engine_settings("one", socket=stub.socket, models={MODEL: "m", "gpt-4-0613": "m"})
    async with region_under_test(tmp_path, [engine], project={"entitlements": (BOUGHT,)}) as region:
        yield region


@pytest_asyncio.fixture
async def client(region: RegionUnderTest) -> AsyncIterator[AsyncOpenAI]:
    async with region.official_client() as client:
        yield client


async def test_the_tier_that_was_used_is_in_the_answer_the_chunks_and_the_ledger(
    region: RegionUnderTest, client: AsyncOpenAI
) -> None:
    chat = client.chat.completions
    asked: tuple[tuple[dict[str, Any], str | None], ...] = (
        ({}, "scale"),
        ({"service_tier": "auto"}, "scale"),
        ({"service_tier": "scale"}, "scale"),
        ({"service_tier": "default"}, "default"),
        ({"model": "gpt-4-0613"}, None),
        ({"model": "gpt-4-0613", "service_tier": "auto"}, "default"),
    )
    for members, tier in asked:
        options = {"model": MODEL, "messages": TALK, "max_tokens": 5, **members}
        assert (await chat.create(**options)).service_tier == tier
        chunks = [chunk async for chunk in await chat.create(stream=True, **options)]
        assert {chunk.service_tier for chunk in chunks} == {tier}
    rows = await region.ledger(12)
    assert sorted(row.tier for row in rows) == ["default"] * 6 + ["scale"] * 6


async def test_beyond_the_entitlement_auto_overflows_and_scale_is_429(
    region: RegionUnderTest, client: AsyncOpenAI
) -> None:
    chat = client.chat.completions.with_raw_response
    endless: Any = [{"role": "user", "content": "do:endless"}]
    stream = await client.chat.completions.create(model=MODEL, messages=endless, max_tokens=200, stream=True)
    auto = await chat.create(model=MODEL, messages=TALK, max_tokens=100, service_tier="auto")
    assert auto.parse().service_tier == "default"
    with pytest.raises(openai.RateLimitError) as refused:
        await chat.create(model=MODEL, messages=TALK, max_tokens=100, service_tier="scale")
    assert "Scale Tier entitlement used up for gpt-4o-2024-08-06" in str(refused.value)
    assert "output tokens per min: Limit 200, Used 200, Requested 100" in str(refused.value)
    headers = refused.value.response.headers
    assert 0 < float(headers["retry-after-ms"]) <= 30_000
    assert int(headers["retry-after"]) >= 1
    assert headers["x-ratelimit-limit-requests"] == "10000"
    await stream.close()
    await region.ledger(2)
    # The stream has been left, and gives back what it did not use.
    again = await client.chat.completions.create(model=MODEL, messages=TALK, max_tokens=100, service_tier="scale")
    assert again.service_tier == "scale"


async def test_without_an_entitlement_scale_is_400(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        await client.chat.completions.create(model="gpt-4-0613", messages=TALK, service_tier="scale")
    assert (refused.value.param, refused.value.code) == ("service_tier", "service_tier_not_allowed")
    for tier in ("flex", "priority"):
        with pytest.raises(openai.BadRequestError) as refused:
            await client.chat.completions.create(model=MODEL, messages=TALK, service_tier=tier)
        assert refused.value.param == "service_tier"


async def test_what_came_of_each_request_is_reported_as_counters(region: RegionUnderTest, client: AsyncOpenAI) -> None:
    chat = client.chat.completions
    asked: dict[str, Any] = {"model": MODEL, "max_tokens": 9, "service_tier": "scale"}
    async for _ in await chat.create(
        messages=[{"role": "user", "content": "one two three four"}], stream=True, **asked
    ):
        pass
    await chat.create(messages=TALK, **asked)
    await chat.create(messages=TALK, model=MODEL, service_tier="default")
    for content in ("do:400", "do:break"):
        with pytest.raises(openai.APIError):
            stream = await chat.create(messages=[{"role": "user", "content": content}], stream=True, **asked)
            async for _ in stream:
                pass
    region.router.report("one", healthy=False)
    with pytest.raises(openai.InternalServerError):
        await chat.create(messages=TALK, **asked)
    region.router.report("one", healthy=True)
    await region.meter.flush()
    reports = [report for report, _ in await in_outbox(region.database) if isinstance(report, ServiceLevelReport)]
    deltas = [delta for report in reports for delta in report.deltas]
    assert {delta.entitlement_id for delta in deltas} == {BOUGHT.entitlement_id}
    # Of five: what the engine broke off, and what none took. What the engine refused was the caller's own mistake.
    assert (sum(delta.requests for delta in deltas), sum(delta.failed for delta in deltas)) == (5, 2)
    assert sum(each.answers for delta in deltas for each in delta.first_tokens) == 2
    assert sum(delta.streamed_tokens for delta in deltas) >= 4


async def test_places_of_the_engine_are_kept_while_it_is_in_force(region: RegionUnderTest) -> None:
    turns = region.router.condition("one").turns
    held = sum(turns.begin("proj_other") for _ in range(256))
    assert held == 192
    assert turns.begin("proj_other", -1)
    region.clock.ms += 3_600_000
    assert turns.begin("proj_other")
