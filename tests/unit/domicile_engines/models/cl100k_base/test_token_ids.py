"""Token ids become the text that they stand for; texts stay as they are."""

from typing import Any

import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.models.cl100k_base.token_ids import texts


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
    assert texts(value, "input") == expected


@pytest.mark.parametrize(
    ("value", "param"),
    [([100_256], "input"), ([100_257], "input"), ([[1], [100_256]], "input[1]"), ([1] * 8193, "input")],
)
def test_what_is_no_token_is_refused_by_its_place(value: Any, param: str) -> None:
    with pytest.raises(DomicileError) as refused:
        texts(value, "input")
    assert refused.value.param == param
