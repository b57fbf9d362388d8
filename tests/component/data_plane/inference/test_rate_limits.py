"""Rate limits over HTTP, as the official client meets them (contract C19)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai import AsyncOpenAI

from domicile.catalogue.catalogue import load_catalogue
from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.unit.data_plane.region_parts import engine_settings

CATALOGUE = """
[[models]]
name = "few-requests"
created = 1
owned_by = "operator"
modalities = ["text"]
rate_limits = { requests_per_minute = 3, tokens_per_minute = 100_000 }

[[models]]
name = "few-tokens"
created = 1
owned_by = "operator"
modalities = ["text"]
rate_limits = { requests_per_minute = 1_000, tokens_per_minute = 600 }
output_tokens_max = 500

[[rows]]
endpoints = ["/v1/chat/completions"]
models = ["few-requests", "few-tokens"]
regions = ["eu"]
"""
TALK: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    added = tmp_path / "catalogue.toml"
    added.write_text(CATALOGUE)
    models = {"few-requests": "m", "few-tokens": "m"}
    engine = engine_settings("one", socket=stub.socket, models=models)
    async with region_under_test(tmp_path, [engine], catalogue=load_catalogue(added)) as region:
        yield region


@pytest_asyncio.fixture
async def client(region: RegionUnderTest) -> AsyncIterator[AsyncOpenAI]:
    async with region.official_client() as client:
        yield client


@pytest.mark.contract("C19")
async def test_answers_say_what_is_left_and_the_last_is_refused(client: AsyncOpenAI) -> None:
    chat = client.chat.completions.with_raw_response
    for left in ("2", "1", "0"):
        answer = await chat.create(model="few-requests", messages=TALK, max_tokens=50)
        assert answer.headers["x-ratelimit-limit-requests"] == "3"
        assert answer.headers["x-ratelimit-remaining-requests"] == left
        assert answer.headers["x-ratelimit-limit-tokens"] == "100000"
        assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    with pytest.raises(openai.RateLimitError) as refused:
        await chat.create(model="few-requests", messages=TALK)
    assert refused.value.code == "rate_limit_exceeded"
    assert "Limit 3, Used 3, Requested 1" in str(refused.value)
    headers = refused.value.response.headers
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert 15_000 < float(headers["retry-after-ms"]) <= 20_000
    assert headers["retry-after"] in {"16", "17", "18", "19", "20"}


async def test_a_stream_tells_the_same_and_settles_what_it_used(client: AsyncOpenAI) -> None:
    chat = client.chat.completions.with_raw_response
    answer = await chat.create(model="few-tokens", messages=TALK, stream=True)
    reserved = int(answer.headers["x-ratelimit-remaining-tokens"])
    # The longest answer is held for a request that sets no limit itself.
    assert reserved < 100
    async for _ in answer.parse():
        pass
    later = await chat.create(model="few-tokens", messages=TALK, max_tokens=1)
    assert int(later.headers["x-ratelimit-remaining-tokens"]) > 500


async def test_requests_at_once_cannot_take_more_than_there_is(client: AsyncOpenAI) -> None:
    asked = [client.chat.completions.create(model="few-requests", messages=TALK, max_tokens=1) for _ in range(12)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(outcome, openai.RateLimitError) for outcome in outcomes) == 9
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 3


async def test_a_request_beyond_the_limit_is_not_tried_again(region: RegionUnderTest) -> None:
    async with AsyncOpenAI(api_key=region.secret, base_url=f"{region.url}/v1", max_retries=3) as client:
        with pytest.raises(openai.RateLimitError) as refused:
            await client.chat.completions.create(model="few-tokens", messages=TALK, max_tokens=200, n=5)
        assert "Request too large" in str(refused.value)
        assert refused.value.response.headers["x-should-retry"] == "false"
        assert "x-stainless-retry-count" not in refused.value.request.headers or (
            refused.value.request.headers["x-stainless-retry-count"] == "0"
        )


async def test_an_error_of_the_engine_tells_the_limits_too(region: RegionUnderTest, client: AsyncOpenAI) -> None:
    region.router.report("one", healthy=False)
    with pytest.raises(openai.InternalServerError) as refused:
        await client.chat.completions.create(model="few-tokens", messages=TALK)
    assert int(refused.value.response.headers["x-ratelimit-remaining-tokens"]) < 100
    region.router.report("one", healthy=True)
    answer = await client.chat.completions.with_raw_response.create(model="few-tokens", messages=TALK, max_tokens=1)
    # Nothing ran, so nothing was used.
    assert int(answer.headers["x-ratelimit-remaining-tokens"]) > 500
