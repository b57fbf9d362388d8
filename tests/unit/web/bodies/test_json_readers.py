"""The quick reader takes nothing that the slow one refuses, and reads the same value: compared on all kinds of JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.kernel.errors import DomicileError
from domicile.web.bodies import json_body
from domicile.web.bodies.json_body import MAX_DEPTH, parse_json

LIMIT = 40
"""Values, few enough for the generated bodies to meet it."""


def outcome(reader: Any, body: bytes, limit: int | None) -> str:
    """The value, to the type and sign of each number, or the error's text."""
    try:
        return f"value {reader(body, limit)!r}"
    except DomicileError as error:
        return f"error {error.message}"


def agree(body: bytes) -> None:
    for limit in (None, LIMIT):
        quick = json_body._quickly_parsed(body, limit)
        slow = outcome(json_body._slowly_parsed, body, limit)
        if quick is not json_body._UNDECIDED:
            assert f"value {quick!r}" == slow
        assert outcome(lambda body, limit: parse_json(body, max_values=limit), body, limit) == slow


_BLANKS = st.sampled_from(["", "", "", " ", "\n", "\t", "\r\n", "  "])
_ESCAPES = [
    "\\u003a",
    "\\u003A",
    "\\u0061",
    "\\\\u003a",
    "\\ud83d\\ude00",
    "\\ud800",
    "\\udc00",
    "\\n",
    '\\"',
    "\\/",
    "\\x",
    "\\u00",
]
_PIECES = st.sampled_from(
    [*_ESCAPES, "a", "b", ":", ",", "{", "}", "[", "é", "😀", "\x7f", "\n", "\x00", " ", "0" * 18, "NaN"]
)
_STRINGS = st.lists(_PIECES, max_size=4).map(lambda pieces: '"' + "".join(pieces) + '"')
_NAMES = st.one_of(st.sampled_from(['"a"', '"b"', '"\\u0061"', '"a:"', '"a\\u003a"', '":"', '""']), _STRINGS)
_NUMBERS = st.one_of(
    st.sampled_from(
        [
            "-0",
            "-0.0",
            "0",
            "00",
            "01",
            "1.",
            ".5",
            "1e",
            "-",
            "+1",
            "NaN",
            "Infinity",
            "1e400",
            "-1e400",
            "1e-400",
            "1e5",
            "1E+05",
            "0.1e1",
            "5e-324",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "123456789012345678901.5",
        ]
    ),
    st.integers(2**62, 2**65).map(str),
    st.integers(-(2**65), -(2**62)).map(str),
    st.integers().map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


@st.composite
def _container(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    blank = draw(_BLANKS)
    if draw(st.booleans()):
        return f"[{blank}{f'{blank},'.join(draw(st.lists(inner, max_size=5)))}{blank}]"
    members = draw(st.lists(st.tuples(_NAMES, inner), max_size=5))
    return "{" + blank + f",{blank}".join(f"{name}{blank}:{blank}{value}" for name, value in members) + blank + "}"


_TEXTS = st.recursive(
    st.one_of(st.sampled_from(["null", "true", "false", "tru", ""]), _NUMBERS, _STRINGS), _container, max_leaves=40
)


@settings(max_examples=600)
@given(_TEXTS, _BLANKS, st.sampled_from(["", "", "", "\ufeff", " x", "\x0c"]))
def test_they_agree_on_json_and_what_is_nearly_json(text: str, blank: str, around: str) -> None:
    agree(f"{around}{blank}{text}{blank}".encode())


@settings(max_examples=300)
@given(_TEXTS, st.data())
def test_they_agree_on_damaged_bytes(text: str, data: st.DataObject) -> None:
    body = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [b"", b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b'"', b"\\", b":", b",", b"{", b"]", b"9" * 20]
            )
        )
    agree(bytes(body))


@given(st.integers(0, 3), st.integers(MAX_DEPTH - 2, MAX_DEPTH + 2), st.booleans(), st.booleans())
def test_they_agree_on_depth(beside: int, depth: int, is_object: bool, is_filled: bool) -> None:
    opening, closing = ('{"a":', "}") if is_object else ("[", "]")
    deep = opening * depth + ("1" if is_filled or is_object else "") + closing * depth
    agree(("[" + "[]," * beside * 40 + deep[1:-1] + "]").encode() if not is_object else deep.encode())
    agree(json.dumps(["[" * 100, "]"]).encode())


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_they_agree_on_what_clients_write(value: Any) -> None:
    for is_ascii in (True, False):
        agree(json.dumps(value, ensure_ascii=is_ascii).encode())


@pytest.mark.parametrize(
    "value",
    [
        {"model": "gpt-4o", "messages": [{"role": "user", "content": "Say: hello, [world] {now}"}] * 100, "seed": 1},
        {"input": [[0.123456, -1.5e-7, 3]] * 80},
        ["a:b" * 1000, {"x:y": {"z": ["\u20ac"]}}],
    ],
)
def test_ordinary_bodies_are_read_quickly(value: Any) -> None:
    for body in (
        json.dumps(value),
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        json.dumps(value, indent=1),
    ):
        assert json_body._quickly_parsed(body.encode(), json_body.MAX_VALUES) == value


@pytest.mark.parametrize(
    "body", [b'{"a":1,"a":2}', b'{"a":1,"a":"\\u003a"}', b"[18446744073709551615]", b"[" * 65 + b"]" * 65, b"[1e400]"]
)
def test_what_is_to_be_refused_is_left_to_the_slow_reader(body: bytes) -> None:
    assert json_body._quickly_parsed(body, None) is json_body._UNDECIDED
