"""What can be embedded, and how everything else is refused."""

from typing import Any

import msgspec
import pytest

from domicile_engines.endpoints.embeddings.request import decode, texts
from domicile_engines.runtime.errors import Refusal


def read(value: Any, **members: Any) -> list[tuple[str, str]]:
    return list(texts(decode(msgspec.json.encode({"model": "m", "input": value, **members}))))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a text", [("input", "a text")]),
        (["a", "b"], [("input[0]", "a"), ("input[1]", "b")]),
        ([9906, 1917], [("input", "Hello world")]),
        ([[9906], [1917]], [("input[0]", "Hello"), ("input[1]", " world")]),
        # A client cuts where it likes: "世" is three bytes, and two tokens.
        ([3574], [("input", "\N{REPLACEMENT CHARACTER}")]),
    ],
)
def test_a_text_texts_token_ids_and_lists_of_them(value: Any, expected: list[tuple[str, str]]) -> None:
    assert read(value) == expected


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ("", "input"),
        ([], "input"),
        (["a", ""], "input[1]"),
        ([[1], []], "input[1]"),
        (["a", 1], "input"),
        ([[1], "a"], "input"),
        ([-1], "input"),
        ([100_256], "input"),
        ([100_257], "input"),
        ([[2**63]], "input[0]"),
        ([1] * 8193, "input"),
        (["a"] * 2049, "input"),
        ([True], "input[0]"),
        (7, "input"),
        (None, "input"),
        ({"text": "a"}, "input"),
    ],
)
def test_what_holds_no_text_is_refused_by_its_place(value: Any, param: str) -> None:
    with pytest.raises(Refusal) as refused:
        read(value)
    assert (refused.value.status, refused.value.param) == (400, param)


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"truncate": 1}, "truncate"),
    ],
)
def test_members_outside_the_api_are_refused_by_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(Refusal) as refused:
        read("a", **members)
    assert (refused.value.status, refused.value.param) == (400, param)
