"""JSON from outside: whatever is sent, the answer is a value or an error that names the member at fault."""

import json
import time
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from domicile.kernel.errors import Category, DomicileError
from domicile.web.bodies.json_body import MAX_DEPTH, converted, decode_json, parse_json
from domicile.web.error_rendering import envelope


class Inner(Struct, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=0)]


class Body(Struct, forbid_unknown_fields=True):
    name: str
    inner: list[Inner] | UnsetType = UNSET
    labels: dict[Annotated[str, Meta(max_length=3)], str] | UnsetType = UNSET
    kind: Literal["a", "b"] | UnsetType = UNSET
    anything: Any = None


def refused(body: bytes) -> DomicileError:
    with pytest.raises(DomicileError) as caught:
        decode_json(body, Body)
    assert caught.value.category is Category.INVALID
    return caught.value


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b'{"name": 1}', "invalid_type", "name"),
        (b'{"name": null}', "invalid_type", "name"),
        (b"{}", "missing_required_parameter", "name"),
        (b"[]", "invalid_type", None),
        (b'"text"', "invalid_type", None),
        (b'{"name": "x", "nmae": 1}', "unknown_parameter", "nmae"),
        (b'{"name": "x", "inner": [{"number": 1}, {"number": 1, "extra": 2}]}', "unknown_parameter", "inner[1].extra"),
        (b'{"name": "x", "inner": [{}]}', "missing_required_parameter", "inner[0].number"),
        (b'{"name": "x", "inner": [{"number": true}]}', "invalid_type", "inner[0].number"),
        (b'{"name": "x", "inner": [{"number": -1}]}', "invalid_value", "inner[0].number"),
        (b'{"name": "x", "labels": {"a": 1}}', "invalid_type", "labels[]"),
        (b'{"name": "x", "labels": {"long": "1"}}', "invalid_value", "labels"),
        (b'{"name": "x", "kind": "c"}', "invalid_value", "kind"),
    ],
)
def test_the_member_at_fault_is_named(body: bytes, code: str, param: str | None) -> None:
    error = refused(body)
    assert (error.code, error.param) == (code, param)


def test_types_are_called_as_in_json() -> None:
    error = refused(b'{"name": 1}')
    assert error.message == "Invalid value for 'name': expected string, got integer."


class Uploaded:
    """A class that msgspec does not know: of its place msgspec speaks in Python's names."""


class Form(Struct):
    file: Uploaded
    count: int = 0


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        ({}, "object"),
        ([], "array"),
        ((), "array"),
        ("x", "string"),
        (b"x", "string"),
        (True, "boolean"),
        (1, "integer"),
        (1.5, "number"),
    ],
)
def test_no_type_is_called_by_its_name_in_python(value: Any, word: str) -> None:
    with pytest.raises(DomicileError) as caught:
        converted({"file": value}, Form)
    assert caught.value.message == f"Invalid value for 'file': expected another type, got {word}."


@pytest.mark.parametrize(("value", "word"), [(None, "null"), (b"x", "string"), (Uploaded(), "another type")])
def test_nor_is_a_value_in_the_place_of_an_integer(value: Any, word: str) -> None:
    with pytest.raises(DomicileError) as caught:
        converted({"file": Uploaded(), "count": value}, Form)
    assert caught.value.message == f"Invalid value for 'count': expected integer, got {word}."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "x"} {"name": "y"}',
        b"{'name': 'x'}",
        b'\xef\xbb\xbf{"name": "x"}',
        b'{"name": "\xff"}',
        b'{"name": "\xed\xa0\x80"}',  # a surrogate, encoded as if it were a character
        b'{"name": "\\ud800"}',
        b'{"\\udc00": "x"}',
        b'{"name": "x", "name": "y"}',
        b'{"name": "x", "anything": {"a": 1, "a": 1}}',
        b'{"name": "x", "anything": [{"a": {"b": 1, "\\u0062": 2}}]}',
        b'{"name": "x", "anything": NaN}',
        b'{"name": "x", "anything": Infinity}',
        b'{"name": "x", "anything": -Infinity}',
        b'{"name": "x", "anything": 1e999}',
        b'{"name": "x", "anything": 9223372036854775808}',
        b'{"name": "x", "anything": -9223372036854775809}',
        b'{"name": "x", "anything": 1' + b"0" * 100_000 + b"}",
        b'{"name": "x", "anything": 01}',
        b'{"name": "x",}',
        b'{"name": "\n"}',
    ],
)
def test_json_that_two_readers_might_read_differently_is_refused(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 0, -1])
def test_every_64_bit_integer_is_read(number: int) -> None:
    assert decode_json(b'{"name": "x", "anything": %d}' % number, Body).anything == number


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert decode_json(b'{"name": "\\ud83d\\ude00"}', Body).name == "\U0001f600"


@pytest.mark.parametrize(("depth", "fine"), [(MAX_DEPTH, True), (MAX_DEPTH + 1, False), (100_000, False)])
def test_depth(depth: int, fine: bool) -> None:
    body = b"[" * depth + b"]" * depth
    if fine:
        parse_json(body)
        return
    with pytest.raises(DomicileError) as caught:
        parse_json(body)
    assert caught.value.code == "invalid_json"


def test_many_brackets_are_not_depth() -> None:
    assert parse_json(b"[" + b",".join([b"[]"] * 1000) + b"]") == [[]] * 1000


@pytest.mark.parametrize("text", ["[" * 200, "]" * 200, '"' * 99 + "[" * 99, "\\" * 99 + "{" * 99])
def test_brackets_inside_text_are_not_depth(text: str) -> None:
    assert parse_json(json.dumps([text]).encode()) == [text]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 65 + b'"' + b'\\"' * 500_000,
        b"[" * 65 + b'"' * 500_001,
        b"[" * 65 + b'"' + b"\\" * 500_001,
        b'["' + b"[" * 65 + b"A" * 5_000_000 + b'"]',
        b'["' + b"[" * 65 + b"\\n" * 2_000_000 + b'"]',
    ],
)
def test_looking_for_depth_takes_linear_time(body: bytes) -> None:
    started = time.monotonic()
    try:
        parse_json(body)
    except DomicileError as error:
        assert error.code == "invalid_json"
    assert time.monotonic() - started < 20


def test_what_was_sent_is_echoed_only_in_part() -> None:
    for body in (b'{"name": "x", "kind": "%s"}' % (b"c" * 10_000), b'{"name": "x", "%s": 1}' % (b"c" * 10_000)):
        error = refused(body)
        assert len(envelope(error)) < 1000
        assert "cccc" not in str(error)


@given(st.binary(max_size=200))
def test_bytes_give_a_value_or_an_error(body: bytes) -> None:
    try:
        value = parse_json(body)
    except DomicileError as error:
        assert error.category is Category.INVALID
    else:
        assert msgspec.json.decode(msgspec.json.encode(value)) == value


_FRAGMENTS = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
        b"\\u",
        b"d800",
        b"0",
        b"-",
        b"1e999",
        b"NaN",
        b"name",
        b"\xff",
        b" ",
    ]
)


@given(st.lists(_FRAGMENTS, max_size=150).map(b"".join))
def test_damaged_json_gives_a_value_or_an_error(body: bytes) -> None:
    try:
        decode_json(body, Body)
    except DomicileError as error:
        assert error.category is Category.INVALID


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(_VALUES)
def test_good_json_is_read_as_it_is(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.dictionaries(st.sampled_from(["name", "inner", "labels", "kind", "anything", "other"]), _VALUES))
def test_any_object_gives_a_body_or_an_error(value: dict[str, Any]) -> None:
    try:
        assert isinstance(decode_json(json.dumps(value).encode(), Body), Body)
    except DomicileError as error:
        assert error.category is Category.INVALID
        assert error.param is None or error.param.startswith(tuple(value)) or error.param == "name"


def test_whoever_sends_another_word_is_told_which_there_are() -> None:
    class Picture(Struct):
        size: Literal["small", "large"] | UnsetType | None = UNSET

    with pytest.raises(DomicileError) as caught:
        decode_json(b'{"size": "huge"}', Picture)
    assert caught.value.param == "size"
    assert caught.value.message.endswith("Send one of: large, small.")
