"""Completions through the request lifecycle: sent, shown and metered."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.unit.data_plane.region_parts import engine_settings

MODEL = "gpt-3.5-turbo-instruct"


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(
        tmp_path, [engine_settings("one", socket=stub.socket, models={MODEL: "its-name"})]
    ) as region:
        yield region


async def test_a_whole_answer_and_a_stream_are_shown_and_metered(region: RegionUnderTest, stub: StubEngine) -> None:
    async with region.official_client() as client:
        whole = await client.completions.create(model=MODEL, prompt=["a", "b"], user="somebody")
        stream = await client.completions.create(
            model=MODEL, prompt="c d", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert [choice.text for choice in whole.choices] == ["echo: a", "echo: b"]
    assert (whole.model, whole.choices[0].finish_reason, whole.model_extra) == (MODEL, "stop", {})
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]).split() == ["echo:", "c", "d"]
    assert chunks[-1].usage is not None
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert [request["body"].get("user") for request in stub.received[-2:]] == [None, None]
    rows = await region.ledger(2)
    assert {(row.endpoint, row.model, row.input_tokens, row.output_tokens, row.counted_by) for row in rows} == {
        ("/v1/completions", MODEL, 7, 2, "engine"),
        ("/v1/completions", MODEL, 7, 1, "engine"),
    }


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": MODEL}, 400, "missing_required_parameter", "prompt"),
        ({"model": MODEL, "prompt": "a", "messages": []}, 400, "unknown_parameter", "messages"),
        ({"model": MODEL, "prompt": "a", "temperature": 3}, 400, "invalid_value", "temperature"),
        ({"model": MODEL, "prompt": [[1], ["a"]]}, 400, "invalid_type", "prompt[1][0]"),
        ({"model": "gpt-4o", "prompt": "a"}, 400, "model_not_eligible", "model"),
        ({"model": MODEL, "prompt": "do:context"}, 400, "context_length_exceeded", "prompt"),
        ({"model": MODEL, "prompt": "do:401"}, 503, "engine_misconfigured", None),
        ({"model": MODEL, "prompt": "do:garbage"}, 503, "engine_unavailable", None),
    ],
)
async def test_refusals(
    region: RegionUnderTest, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    answer = await region.http.post("/v1/completions", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "secret-host" not in answer.text
