"""Moderations through the request lifecycle: sent, shown and metered (contract C23)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.pictures import PNG_URL, data_url, encoded
from tests.unit.data_plane.region_parts import engine_settings

OMNI, TEXT_ONLY = "omni-moderation-latest", "text-moderation-007"
MODELS = {OMNI: "one-model", TEXT_ONLY: "one-model"}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    engine = engine_settings("one", socket=stub.socket, models=MODELS, modalities=["text", "image"])
    async with region_under_test(tmp_path, [engine]) as region:
        yield region


def image(url: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": url}}]


@pytest.mark.contract("C23")
async def test_the_official_client_gets_its_results(region: RegionUnderTest, stub: StubEngine) -> None:
    async with region.official_client() as client:
        made = await client.moderations.create(input=["something illicit", "x" * 100])
    assert [(each.flagged, each.categories.illicit, each.categories.hate) for each in made.results] == [
        (True, True, False),
        (False, False, False),
    ]
    assert (made.id, made.model) == ("modr-stub", OMNI)
    assert stub.received[-1]["body"] == {"model": "one-model", "input": ["something illicit", "x" * 100]}
    [row] = await region.ledger(1)
    assert (row.endpoint, row.model, row.input_tokens, row.output_tokens) == ("/v1/moderations", OMNI, 29, 0)
    assert (row.outcome, row.counted_by) == ("complete", "platform")


async def test_an_image_is_sent_as_itself_and_has_no_tokens(region: RegionUnderTest, stub: StubEngine) -> None:
    answer = await region.http.post("/v1/moderations", json={"model": OMNI, "input": image(PNG_URL)})
    assert (answer.status_code, len(answer.json()["results"])) == (200, 1)
    assert stub.received[-1]["body"]["input"] == image(PNG_URL)
    [row] = await region.ledger(1)
    assert row.input_tokens == 1


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 400, "missing_required_parameter", "input"),
        ({"input": []}, 400, "invalid_value", "input"),
        ({"input": ["a", 1]}, 400, "invalid_type", "input[1]"),
        ({"input": "a", "threshold": 1}, 400, "unknown_parameter", "threshold"),
        ({"input": "a", "model": "gpt-4o"}, 400, "model_not_eligible", "model"),
        ({"input": "a", "model": "nobody"}, 404, "model_not_found", "model"),
        ({"input": image("https://example.com/a.png")}, 400, "url_not_allowed", "input[1].image_url.url"),
        ({"input": image(data_url(encoded("GIF"), "png"))}, 400, "invalid_file", "input[1].image_url.url"),
        ({"input": image(PNG_URL), "model": TEXT_ONLY}, 400, "modality_not_supported", "input[1].image_url"),
        ({"input": "do:400"}, 400, "engine_refused", None),
        ({"input": "do:401"}, 503, "engine_misconfigured", None),
        ({"input": ["do:too-few", "a"]}, 503, "engine_unavailable", None),
        ({"input": "do:no-category"}, 503, "engine_unavailable", None),
    ],
)
async def test_refusals(
    region: RegionUnderTest, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    answer = await region.http.post("/v1/moderations", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "secret-host" not in answer.text
