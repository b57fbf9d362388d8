"""Embedding requests beyond their types, and the answer in the encoding that was asked for (contract C25)."""

import base64
import json
import struct
from typing import Any

import msgspec
import pytest

from domicile.kernel.errors import DomicileError
from domicile.openai_api.embeddings import (
    EmbeddingRequest,
    check_embedding_request,
    decode_embeddings,
    encode_embeddings,
    encode_for_engine,
)


def request(given: Any, **members: Any) -> EmbeddingRequest:
    return msgspec.convert({"model": "m", "input": given, **members}, EmbeddingRequest)


def reply(*vectors: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, "model": "engine's", "private": 1}).encode()


def base64_of(*numbers: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@pytest.mark.contract("C25")
@pytest.mark.parametrize(("given", "inputs"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2)])
def test_each_kind_of_input_is_taken(given: Any, inputs: int) -> None:
    asked = request(given)
    check_embedding_request(asked)
    assert asked.inputs == inputs


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ("", "input"),
        (["a", ""], "input[1]"),
        (["a", 1], "input[1]"),
        ([[1], "a"], "input[1]"),
        ([[1], []], "input[1]"),
        ([1, "a"], "input"),
        ([1] * 8193, "input"),
        ([[1] * 8193], "input[0]"),
        (["a"] * 2049, "input"),
        ([[1] * 8000] * 38, "input"),
    ],
)
def test_an_input_that_cannot_be_one_names_its_place(given: Any, param: str) -> None:
    with pytest.raises(DomicileError) as caught:
        check_embedding_request(request(given))
    assert caught.value.param == param


def test_too_many_tokens_are_told_in_words_that_clients_know() -> None:
    with pytest.raises(DomicileError) as caught:
        check_embedding_request(request([[1], [1] * 8193]))
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "input[1]")
    assert "configured limit of 8192 tokens. Your input resulted in 8193 tokens." in caught.value.message


def test_the_engine_is_told_its_own_name_and_not_the_user() -> None:
    sent = encode_for_engine(request(["a"], user="somebody", dimensions=2), model="engine's")
    assert json.loads(sent) == {"model": "engine's", "input": ["a"], "dimensions": 2}


@pytest.mark.parametrize("vector", [[0.5, -1.0], base64_of(0.5, -1.0)], ids=["numbers", "base64"])
@pytest.mark.parametrize("asked_for", ["float", "base64"])
def test_the_answer_is_in_the_encoding_that_was_asked_for(vector: Any, asked_for: str) -> None:
    body = encode_embeddings(decode_embeddings(reply(vector)), request("a", encoding_format=asked_for), model="shown")
    assert json.loads(body) == {
        "object": "list",
        "model": "shown",
        "data": [
            {
                "object": "embedding",
                "index": 0,
                "embedding": base64_of(0.5, -1.0) if asked_for == "base64" else [0.5, -1.0],
            }
        ],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


@pytest.mark.parametrize("vector", [[0.5, -1.0], base64_of(0.5, -1.0)], ids=["numbers", "base64"])
@pytest.mark.parametrize("asked_for", ["float", "base64"])
@pytest.mark.parametrize(
    ("model", "dimensions", "size"),
    [
        ("text-embedding-ada-002", None, 1536),
        ("text-embedding-3-small", None, 1536),
        ("text-embedding-3-large", None, 3072),
        ("text-embedding-3-large", 5, 5),
        # Longer than asked for is the engine's matter.
        ("text-embedding-3-large", 1, 2),
        ("somebody's own", None, 2),
    ],
)
def test_a_vector_has_the_size_of_the_snapshot_and_the_same_direction(
    vector: Any, asked_for: str, model: str, dimensions: int | None, size: int
) -> None:
    asked = request("a", encoding_format=asked_for, dimensions=dimensions)
    (made,) = json.loads(encode_embeddings(decode_embeddings(reply(vector)), asked, model=model))["data"]
    numbers = [0.5, -1.0, *[0.0] * (size - 2)]
    assert made["embedding"] == (base64_of(*numbers) if asked_for == "base64" else numbers)


@pytest.mark.parametrize("vectors", [[], [[1.0]], [[1.0]] * 3, [[1.0], "!"], [[1.0], "AAAA"]])
def test_vectors_that_are_not_those_of_the_inputs_are_no_answer(vectors: list[Any]) -> None:
    with pytest.raises(ValueError):
        encode_embeddings(decode_embeddings(reply(*vectors)), request(["a", "b"]), model="shown")
