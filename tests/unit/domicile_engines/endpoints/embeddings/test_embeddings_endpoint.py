"""The real model behind its endpoint: vectors, limits and what they cost."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import numpy as np
import pytest

from domicile.web.application import Application
from domicile_engines.endpoints.embeddings.endpoint import CHARACTERS_MAX, EmbeddingsService
from domicile_engines.models.minilm.model import MODEL_ID, WINDOW_TOKENS

Client = httpx2.AsyncClient


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    service = EmbeddingsService(idle_s=3600, threads=1)
    transport = httpx2.ASGITransport(app=Application(service.routes()))
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine") as found:
        yield found
    await service.close()


async def post(client: Client, **members: Any) -> httpx2.Response:
    return await client.post("/v1/embeddings", json={"model": MODEL_ID, **members})


async def vectors(client: Client, *texts: str, **members: Any) -> np.ndarray[Any, Any]:
    answer = (await post(client, input=list(texts), **members)).json()
    assert [item["index"] for item in answer["data"]] == list(range(len(texts)))
    return np.array([item["embedding"] for item in answer["data"]])


@pytest.mark.contract("C25")
async def test_what_means_the_same_points_the_same_way(client: Client) -> None:
    man, bread, cheetah = await vectors(
        client, "A man is eating food.", "A man is eating bread.", "A cheetah chases its prey."
    )
    assert np.linalg.norm(man) == pytest.approx(1, abs=1e-6)
    assert man @ bread > 0.7
    assert man @ cheetah < 0.3


async def test_a_vector_does_not_depend_on_its_neighbours(client: Client) -> None:
    (alone,) = await vectors(client, "One text.")
    among = await vectors(client, "Another one, longer than the first. " * 20, "One text.", "x")
    assert (among[1] == alone).all()


async def test_a_text_that_is_far_too_long_is_refused_before_its_tokens_are_counted(client: Client) -> None:
    """Four megabytes of it took a minute and a gigabyte, and all other texts waited."""
    answer = await post(client, input=["x", " " * (CHARACTERS_MAX + 1)])
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert answer.json()["error"]["param"] == "input[1]"


async def test_base64_is_the_same_vector_in_little_endian(client: Client) -> None:
    (numbers,) = await vectors(client, "One text.")
    encoded = (await post(client, input="One text.", encoding_format="base64")).json()["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(encoded), "<f4").tolist() == numbers.tolist()


async def test_fewer_dimensions_are_the_first_ones_of_length_1_again(client: Client) -> None:
    (whole,) = await vectors(client, "One text.")
    (short,) = await vectors(client, "One text.", dimensions=64)
    assert short.shape == (64,)
    assert short == pytest.approx(whole[:64] / np.linalg.norm(whole[:64]), abs=1e-6)
    (long,) = await vectors(client, "One text.", dimensions=1536)
    (own,) = await vectors(client, "One text.")
    assert (long == np.pad(own, (0, 1536 - 384))).all()
    refused = await post(client, input="One text.", dimensions=3073)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "dimensions")


async def test_token_ids_are_the_text_that_they_stand_for(client: Client) -> None:
    (text,) = await vectors(client, "Hello world")
    answer = (await post(client, input=[9906, 1917], user="somebody")).json()
    assert answer["data"][0]["embedding"] == text.tolist()
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}, "two words and the model's two markers"
    assert (answer["object"], answer["model"]) == ("list", MODEL_ID)


async def test_a_long_text_is_the_mean_of_its_windows(client: Client) -> None:
    half = "apple " * WINDOW_TOKENS
    (apple,) = await vectors(client, half)
    (twice,) = await vectors(client, half * 2)
    (mixed,) = await vectors(client, half + "war " * WINDOW_TOKENS)
    (war,) = await vectors(client, "war " * WINDOW_TOKENS)
    assert twice == pytest.approx(apple, abs=1e-6)
    assert mixed == pytest.approx((apple + war) / np.linalg.norm(apple + war), abs=1e-5)


async def test_a_text_of_blanks_has_a_vector_too(client: Client) -> None:
    (blank,) = await vectors(client, " ")
    assert np.linalg.norm(blank) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        (["short", "word " * 8193], "context_length_exceeded", "input[1]"),
        (["word " * 8000] * 38, "invalid_value", "input"),
    ],
)
async def test_more_tokens_than_the_api_allows_are_refused_before_any_is_embedded(
    client: Client, value: Any, code: str, param: str
) -> None:
    refused = await post(client, input=value)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (400, code, param)


async def test_another_model_is_not_found(client: Client) -> None:
    refused = await client.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
