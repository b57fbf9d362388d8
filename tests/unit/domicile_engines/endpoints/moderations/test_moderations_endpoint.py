"""The real models behind their endpoint. How well they do is measured by tests/training."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from tests.pictures import data_url, encoded

from domicile.web.application import Application
from domicile_engines.endpoints.embeddings.endpoint import EmbeddingsService
from domicile_engines.endpoints.moderations.capability import MODEL_ID
from domicile_engines.endpoints.moderations.endpoint import ModerationsService
from domicile_engines.models.moderation.categories import CATEGORIES

Client = httpx2.AsyncClient
THREAT = "I will find you and break your legs."
CALM = "The committee met on Tuesday and spoke about the new timetable of the trams."


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    embeddings = EmbeddingsService(idle_s=3600, threads=1)
    service = ModerationsService(embeddings.model, idle_s=3600, threads=1)
    transport = httpx2.ASGITransport(app=Application(service.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as found:
        yield found
    await service.close()
    await embeddings.close()


async def results(client: Client, given: Any) -> list[dict[str, Any]]:
    answer = await client.post("/v1/moderations", json={"model": MODEL_ID, "input": given})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["id"].startswith("modr-")
    assert body["model"] == MODEL_ID
    found: list[dict[str, Any]] = body["results"]
    return found


@pytest.mark.contract("C23")
async def test_each_text_has_a_result_of_its_own(client: Client) -> None:
    threat, calm, empty = await results(client, [THREAT, CALM, ""])
    assert (threat["flagged"], calm["flagged"], empty["flagged"]) == (True, False, False)
    assert threat["categories"]["harassment/threatening"]
    for result in (threat, calm, empty):
        assert set(result["categories"]) == set(result["category_scores"]) == set(CATEGORIES)
        assert all(0 <= score <= 1 for score in result["category_scores"].values())
        assert all(result["categories"][name] == (score >= 0.5) for name, score in result["category_scores"].items())
        assert set(map(tuple, result["category_applied_input_types"].values())) == {("text",)}


async def test_the_same_text_scores_the_same_whatever_stands_beside_it(client: Client) -> None:
    alone = await results(client, THREAT)
    among = await results(client, [CALM * 3, THREAT])
    assert among[1] == alone[0]


async def test_one_sentence_among_many_is_found(client: Client) -> None:
    [calm] = await results(client, " ".join([CALM] * 60))
    [hidden] = await results(client, " ".join([CALM] * 30 + [THREAT] + [CALM] * 30))
    assert not calm["flagged"]
    assert hidden["categories"]["harassment/threatening"]


async def test_of_an_image_only_sexual_is_scored_and_it_says_so(client: Client) -> None:
    image = {"type": "image_url", "image_url": {"url": data_url(encoded("JPEG", 300, 200), "jpeg")}}
    [alone] = await results(client, [image])
    [both] = await results(client, [{"type": "text", "text": THREAT}, image])
    assert 0 < alone["category_scores"]["sexual"] < 0.5
    assert sum(alone["category_scores"].values()) == alone["category_scores"]["sexual"]
    assert {name: kinds for name, kinds in alone["category_applied_input_types"].items() if kinds} == {
        "sexual": ["image"]
    }
    assert both["category_applied_input_types"]["sexual"] == ["text", "image"]
    assert both["category_applied_input_types"]["violence"] == ["text"]
    assert both["categories"]["harassment/threatening"]


async def test_a_damaged_image_is_refused_with_its_place(client: Client) -> None:
    image = {"type": "image_url", "image_url": {"url": data_url(encoded("PNG", 300, 200)[:200], "png")}}
    answer = await client.post("/v1/moderations", json={"model": MODEL_ID, "input": [image]})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_file", "input[0].image_url")


async def test_another_model_is_not_found(client: Client) -> None:
    answer = await client.post("/v1/moderations", json={"model": "omni-moderation-latest", "input": "a"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "model")
