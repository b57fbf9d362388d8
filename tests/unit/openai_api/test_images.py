"""Requests for images beyond their types, and what an engine is told of them (contract C21)."""

import json
from typing import Any

import msgspec
import pytest

from domicile.kernel.errors import DomicileError
from domicile.openai_api.images import (
    MAX_PROMPT_LENGTH,
    ImageRequest,
    bytes_of,
    check_image_request,
    decode_images,
    encode_for_engine,
    encode_images,
)


def request(**members: Any) -> ImageRequest:
    return msgspec.convert({"model": "dall-e-3", "prompt": "a cat", **members}, ImageRequest)


@pytest.mark.contract("C21")
@pytest.mark.parametrize("prompt", ["", " \n", "x" * (MAX_PROMPT_LENGTH + 1)])
def test_a_prompt_has_between_one_and_4000_characters(prompt: str) -> None:
    with pytest.raises(DomicileError) as caught:
        check_image_request(request(prompt=prompt))
    assert caught.value.param == "prompt"
    check_image_request(request(prompt="\U0001f408" * MAX_PROMPT_LENGTH))


@pytest.mark.parametrize("size", ["auto", "1024x1024", "1792x1024", "1024x1792", None])
def test_the_sizes_of_dall_e_3(size: str | None) -> None:
    assert request(size=size).size == size
    for other in ("256x256", "1536x1024", "1024X1024", "1024x1024 "):
        with pytest.raises(msgspec.ValidationError):
            request(size=other)


@pytest.mark.contract("C21")
@pytest.mark.parametrize("response_format", ["url", "b64_json", None])
def test_every_engine_is_asked_for_the_pictures_themselves_and_told_no_user(response_format: str | None) -> None:
    asked = request(response_format=response_format, user="somebody", quality="hd", n=1)
    assert json.loads(encode_for_engine(asked, model="engine's")) == {
        "model": "engine's",
        "prompt": "a cat",
        "response_format": "b64_json",
        "quality": "hd",
        "n": 1,
    }


def test_links_are_the_default() -> None:
    assert request().wants_links
    assert request(response_format=None).wants_links
    assert not request(response_format="b64_json").wants_links


def test_an_answer_keeps_only_what_the_specification_has() -> None:
    raw = {"created": 7, "data": [{"b64_json": "QUI=", "revised_prompt": "A cat", "seed": 1}], "timings": {}}
    reply = decode_images(json.dumps(raw).encode())
    assert bytes_of(reply.data[0]) == b"AB"
    assert json.loads(encode_images(reply)) == {
        "created": 7,
        "data": [{"b64_json": "QUI=", "revised_prompt": "A cat"}],
    }


@pytest.mark.parametrize("picture", [{}, {"url": "http://engine/1.png"}, {"b64_json": "A"}, {"b64_json": "QUI=\n"}])
def test_a_picture_that_did_not_come_itself_is_none(picture: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        bytes_of(decode_images(json.dumps({"data": [picture]}).encode()).data[0])
