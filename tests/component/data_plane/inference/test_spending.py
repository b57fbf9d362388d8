"""A spending limit as a caller meets it: refused once it is reached, also after a restart and for batches."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from domicile.boundary.snapshot import Shard
from domicile.boundary.spending import SpendingLimit, month_of
from domicile.catalogue.catalogue import load_catalogue
from tests.component.data_plane.region_under_test import (
    MODEL,
    SECRET,
    RegionUnderTest,
    StubEngine,
    region_under_test,
    stub_engine,
)
from tests.unit.data_plane.region_parts import (
    NOW_MS,
    engine_settings,
    key_record,
    organization_record,
    project_record,
    snapshot_table,
)

PRICES = load_catalogue().prices
TALK: Any = [{"role": "user", "content": "hello"}]


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    engine = engine_settings("one", socket=stub.socket, models={MODEL: "m"})
    async with region_under_test(tmp_path, [engine]) as region:
        yield region


def put_limit(region: RegionUnderTest, nanodollars: int, *, on: str = "project") -> None:
    """As a snapshot brings it."""
    limit = SpendingLimit(nanodollars, month_of(NOW_MS), 0)
    project = project_record(spending=limit if on == "project" else None)
    organization = organization_record(spending=limit if on == "organization" else None)
    records = Shard("eu", 0, (organization,), (project,), (key_record(SECRET),))
    region.snapshots.swap(snapshot_table(records, prices=PRICES.prices))


@pytest.mark.parametrize("on", ["project", "organization"])
async def test_the_official_client_is_refused_for_good_once_the_limit_is_reached(
    region: RegionUnderTest, on: str
) -> None:
    put_limit(region, 1, on=on)
    async with region.official_client() as client:
        # What was spent before is not known yet: nobody passes until it is.
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model=MODEL, messages=TALK)
        await region.path.spending.follow()
        await client.chat.completions.create(model=MODEL, messages=TALK)
        retrying = client.with_options(max_retries=3)
        with pytest.raises(openai.RateLimitError) as refused:
            await retrying.chat.completions.create(model=MODEL, messages=TALK)
        assert (refused.value.code, refused.value.type) == ("insufficient_quota", "insufficient_quota")
        assert refused.value.response.headers["x-should-retry"] == "false"
        assert on in refused.value.message
        put_limit(region, 10**15, on=on)
        await client.chat.completions.create(model=MODEL, messages=TALK)
    assert len(await region.ledger(2)) == 2


async def test_no_batch_is_created_beyond_the_limit(region: RegionUnderTest) -> None:
    put_limit(region, 1)
    await region.path.spending.follow()
    async with region.official_client() as client:
        lines = b'{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'
        file = await client.files.create(file=("in.jsonl", lines), purpose="batch")
        await client.chat.completions.create(model=MODEL, messages=TALK)
        with pytest.raises(openai.RateLimitError) as refused:
            await client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert refused.value.code == "insufficient_quota"


async def test_what_was_spent_before_a_restart_counts(tmp_path: Path, stub: StubEngine) -> None:
    engine = engine_settings("one", socket=stub.socket, models={MODEL: "m"})
    async with region_under_test(tmp_path, [engine]) as region:
        assert (await region.chat("hello")).status_code == 200
        await region.ledger(1)
    async with region_under_test(tmp_path, [engine]) as region:
        put_limit(region, 1)
        await region.path.spending.follow()
        assert (await region.chat("hello")).json()["error"]["code"] == "insufficient_quota"
        region.clock.ms += 40 * 86_400_000
        assert (await region.chat("hello")).status_code == 200
