"""Embeddings through the request lifecycle: sent, shown and metered (contract C25)."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.unit.data_plane.region_parts import engine_settings

MODELS = {"text-embedding-3-small": "one-model", "text-embedding-ada-002": "one-model"}


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, [engine_settings("one", socket=stub.socket, models=MODELS)]) as region:
        yield region


@pytest.mark.contract("C25")
async def test_the_official_client_gets_its_vectors(region: RegionUnderTest, stub: StubEngine) -> None:
    async with region.official_client() as client:
        made = await client.embeddings.create(model="text-embedding-3-small", input=["a", "bc"], user="somebody")
    # It asks for base64 and unpacks it; the stub knows numbers only.
    assert [each.embedding for each in made.data] == [[0.0, 1.0, *[0.0] * 1534], [1.0, 2.0, *[0.0] * 1534]]
    assert (made.model, made.usage.prompt_tokens) == ("text-embedding-3-small", 10)
    assert stub.received[-1]["body"] == {"model": "one-model", "input": ["a", "bc"], "encoding_format": "base64"}
    [row] = await region.ledger(1)
    assert (row.endpoint, row.model, row.input_tokens, row.output_tokens) == (
        "/v1/embeddings",
        "text-embedding-3-small",
        10,
        0,
    )
    assert (row.outcome, row.counted_by) == ("complete", "engine")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": "a"}, 400, "missing_required_parameter", "model"),
        ({"model": "text-embedding-3-small", "input": ""}, 400, "invalid_value", "input"),
        ({"model": "text-embedding-3-small", "input": "a", "top_k": 1}, 400, "unknown_parameter", "top_k"),
        (
            {"model": "text-embedding-ada-002", "input": "a", "dimensions": 2},
            400,
            "unsupported_parameter",
            "dimensions",
        ),
        ({"model": "text-embedding-3-small", "input": "a", "dimensions": 1537}, 400, "invalid_value", "dimensions"),
        ({"model": "gpt-4o", "input": "a"}, 400, "model_not_eligible", "model"),
        ({"model": "text-embedding-3-small", "input": "do:400"}, 400, "engine_refused", None),
        ({"model": "text-embedding-3-small", "input": "do:401"}, 503, "engine_misconfigured", None),
        ({"model": "text-embedding-3-small", "input": ["do:too-few", "a"]}, 503, "engine_unavailable", None),
    ],
)
async def test_refusals(
    region: RegionUnderTest, body: dict[str, object], status: int, code: str, param: str | None
) -> None:
    answer = await region.http.post("/v1/embeddings", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "secret-host" not in answer.text


async def test_as_many_tokens_as_the_specification_allows(region: RegionUnderTest) -> None:
    """Each is a value of its own in the body, of which other endpoints take fewer."""
    body = {"model": "text-embedding-3-small", "input": [[1] * 8000] * 37}
    assert (await region.http.post("/v1/embeddings", json=body)).status_code == 200
