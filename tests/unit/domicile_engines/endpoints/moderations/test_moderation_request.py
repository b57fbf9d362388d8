"""What a moderation request may hold."""

import json
from typing import Any

import pytest

from domicile_engines.endpoints.moderations import request as requests
from domicile_engines.endpoints.moderations.request import Item, decode, items
from domicile_engines.runtime.errors import Refusal

TEXT = {"type": "text", "text": "a"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:x"}}


def read(**members: Any) -> list[Item]:
    return list(items(decode(json.dumps({"model": "m", **members}).encode())))


def test_a_list_of_texts_is_many_items_and_parts_are_one() -> None:
    assert read(input="a") == [Item(["a"])]
    assert read(input=["a", ""]) == [Item(["a"]), Item([""])]
    assert read(input=[TEXT, IMAGE, TEXT]) == [Item(["a", "a"], [("input[1].image_url.url", "data:x")])]


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ([], "invalid_value", "input"),
        (None, "invalid_value", "input"),
        (["a", TEXT], "invalid_type", "input"),
        (["a", 1], "invalid_value", "input[1]"),
        (["a"] * (requests.INPUTS_MAX + 1), "invalid_value", "input"),
        ([IMAGE] * (requests.IMAGES_MAX + 1), "invalid_value", "input"),
        (["a" * (requests.CHARACTERS_MAX // 2)] * 3, "invalid_value", "input"),
        ([{"type": "text"}], "missing_required_parameter", "input[0].text"),
        ([TEXT, {"type": "image_url"}], "missing_required_parameter", "input[1].image_url"),
        ([{**TEXT, **IMAGE}], "invalid_value", "input[0]"),
        ([{"type": "input_audio"}], "invalid_value", "input[0].type"),
        ([{**TEXT, "detail": "low"}], "unsupported_parameter", "input[0].detail"),
    ],
)
def test_anything_else_is_refused_with_the_member_at_fault(given: Any, code: str, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(input=given)
    assert (refused.value.status, refused.value.code, refused.value.param) == (400, code, param)
