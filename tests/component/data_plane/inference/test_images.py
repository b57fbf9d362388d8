"""Images through the request lifecycle: sent, shown, linked and metered (contract C21)."""

import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
import pytest_asyncio

from domicile.data_plane.storage import image_links
from tests.component.data_plane.region_under_test import RegionUnderTest, StubEngine, region_under_test, stub_engine
from tests.unit.data_plane.region_parts import engine_settings

MODELS = {"dall-e-3": "one-model", "procedural-sketch": "one-model"}
URL = "/v1/images/generations"


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StubEngine]:
    with stub_engine(tmp_path_factory.mktemp("engine"), "one") as engine:
        yield engine


@pytest_asyncio.fixture
async def region(tmp_path: Path, stub: StubEngine) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, [engine_settings("one", socket=stub.socket, models=MODELS)]) as region:
        yield region


async def link_to(region: RegionUnderTest) -> str:
    """Path and query of a new one: the host that it names is not really there."""
    answer = await region.http.post(URL, json={"model": "dall-e-3", "prompt": "a cat"})
    assert answer.status_code == 200, answer.text
    parts = urlsplit(answer.json()["data"][0]["url"])
    assert f"{parts.scheme}://{parts.netloc}" == "https://eu.example.com"
    return f"{parts.path}?{parts.query}"


async def without_a_key(region: RegionUnderTest, link: str) -> httpx2.Response:
    async with httpx2.AsyncClient(base_url=str(region.http.base_url), verify=False, trust_env=False) as client:
        return await client.get(link)


@pytest.mark.contract("C21")
async def test_the_official_client_gets_the_picture_itself(region: RegionUnderTest, stub: StubEngine) -> None:
    async with region.official_client() as client:
        made = await client.images.generate(
            model="dall-e-3", prompt="a cat", response_format="b64_json", size="1792x1024", style="natural", user="u"
        )
    assert made.data is not None
    assert base64.b64decode(made.data[0].b64_json or "").startswith(b"\x89PNG")
    assert (made.created, made.data[0].revised_prompt, made.data[0].url) == (7, "drawn: a cat", None)
    assert stub.received[-1]["body"] == {
        "model": "one-model",
        "prompt": "a cat",
        "response_format": "b64_json",
        "size": "1792x1024",
        "style": "natural",
    }
    [row] = await region.ledger(1)
    assert (row.endpoint, row.images, row.image_size, row.counted_by) == (URL, 1, "1792x1024", "platform")
    assert (row.input_tokens, row.output_tokens, row.outcome) == (0, 0, "complete")


@pytest.mark.contract("C21")
async def test_a_link_leads_to_the_picture_without_a_key_and_is_no_page(region: RegionUnderTest) -> None:
    answer = await without_a_key(region, await link_to(region))
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG")
    headers = answer.headers
    assert (headers["content-type"], headers["x-content-type-options"]) == ("image/png", "nosniff")
    assert headers["cache-control"] == "private, no-store"
    assert (headers["access-control-allow-origin"], headers["referrer-policy"]) == ("*", "no-referrer")
    [row] = await region.ledger(1)
    assert (row.images, row.image_size) == (1, "1024x1024")


async def test_several_images_of_a_model_that_makes_several(region: RegionUnderTest) -> None:
    answer = await region.http.post(URL, json={"model": "procedural-sketch", "prompt": "a cat", "n": 3})
    urls = {each["url"] for each in answer.json()["data"]}
    assert len(urls) == 3
    [row] = await region.ledger(1)
    assert row.images == 3


@pytest.mark.contract("C21")
async def test_every_way_to_miss_a_link_is_answered_alike(region: RegionUnderTest) -> None:
    link, other = await link_to(region), await link_to(region)
    path, key = link.split("?key=")
    foreign = other.split("?key=")[1]
    wrong = [
        path,
        f"{path}?key=",
        f"{path}?key={foreign}",
        f"{path}?key={key}A",
        f"{path}?key={'A' * 43}",
        f"{path}?key={'%ff' * 43}",
        f"{path}?key={foreign}&key={foreign}",
    ]
    answers = [await without_a_key(region, each) for each in wrong]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(404, "not_found")}
    assert len({answer.json()["error"]["message"] for answer in answers}) == 1
    unknown = await without_a_key(region, f"/v1/images/content/img_{'0' * 24}?key={key}")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    for shape in ("/v1/images/content/", "/v1/images/content/a/b", f"/v1/images/content/{'x' * 2000}?key={key}"):
        assert (await without_a_key(region, shape)).status_code == 404
    assert (await without_a_key(region, link)).status_code == 200


async def test_what_lies_beside_the_links_still_needs_a_key(region: RegionUnderTest) -> None:
    for path in ("/v1/images/content", "/v1/images/contents/x", "/v1/images/edits", "/v1/images/variations"):
        assert (await without_a_key(region, path)).status_code == 401
    for path in ("/v1/images/edits", "/v1/images/variations"):
        answer = await region.http.post(path, json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("members", "status", "code", "param"),
    [
        ({"prompt": ""}, 400, "invalid_value", "prompt"),
        ({"prompt": "x" * 4001}, 400, "invalid_value", "prompt"),
        ({"n": 2}, 400, "invalid_value", "n"),
        ({"n": 11}, 400, "invalid_value", "n"),
        ({"size": "512x512"}, 400, "invalid_value", "size"),
        ({"quality": "high"}, 400, "invalid_value", "quality"),
        ({"style": "x"}, 400, "invalid_value", "style"),
        ({"background": "opaque"}, 400, "unsupported_parameter", "background"),
        ({"moderation": "low"}, 400, "unsupported_parameter", "moderation"),
        ({"output_format": "webp"}, 400, "unsupported_parameter", "output_format"),
        ({"output_compression": 1}, 400, "unsupported_parameter", "output_compression"),
        ({"stream": True}, 400, "unsupported_parameter", "stream"),
        ({"partial_images": 1}, 400, "unsupported_parameter", "partial_images"),
        ({"image": "x"}, 400, "unknown_parameter", "image"),
        ({"model": "gpt-image-1"}, 404, "model_not_found", "model"),
        ({"model": "tts-1"}, 400, "model_not_eligible", "model"),
        ({"prompt": "do:400"}, 400, "engine_refused", None),
        ({"prompt": "do:401"}, 503, "engine_misconfigured", None),
        ({"prompt": "do:address"}, 503, "engine_unavailable", None),
        ({"prompt": "do:not-base64"}, 503, "engine_unavailable", None),
        ({"prompt": "do:no-image"}, 503, "engine_unavailable", None),
        ({"prompt": "do:jpeg"}, 503, "engine_unavailable", None),
        ({"prompt": "do:none"}, 503, "engine_unavailable", None),
        ({"prompt": "do:too-many"}, 503, "engine_unavailable", None),
    ],
)
async def test_refusals(
    region: RegionUnderTest, members: dict[str, object], status: int, code: str, param: str | None
) -> None:
    answer = await region.http.post(URL, json={"model": "dall-e-3", "prompt": "a cat", **members})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert "secret-host" not in answer.text


async def test_a_project_whose_links_are_full_is_told_before_an_engine_works(
    region: RegionUnderTest, stub: StubEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await link_to(region)
    monkeypatch.setattr(image_links, "PROJECT_BYTES_MAX", 10)
    asked = len(stub.received)
    answer = await region.http.post(URL, json={"model": "dall-e-3", "prompt": "a cat"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert answer.headers["retry-after"] == "60"
    assert len(stub.received) == asked
    whole = {"model": "dall-e-3", "prompt": "a cat", "response_format": "b64_json"}
    assert (await region.http.post(URL, json=whole)).status_code == 200
