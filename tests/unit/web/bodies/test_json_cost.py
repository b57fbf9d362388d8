"""What a body may cost to read is bounded by the number of its values, whatever its bytes."""

import time

import pytest

from domicile.kernel.errors import DomicileError
from domicile.web.bodies.json_body import MAX_VALUES, parse_json

MEGABYTES_20 = 20 * 1024 * 1024
# Without the bound each of these takes from 3 to 20 s.
READ_WITHIN_S = 30.0


def filled(piece: bytes, last: bytes = b"1") -> bytes:
    return b"[" + piece * (MEGABYTES_20 // len(piece)) + last + b"]"


@pytest.mark.parametrize(
    "piece",
    [b"{},", b"[],", b"1,", b"1e9,", b'{"a":1},', b'"",', b'"\\\\",', b'"{[",', b"[[1]],", b"null,", b'"a":', b"{"],
    ids=lambda piece: piece.decode(),
)
def test_many_values_are_refused_soon(piece: bytes) -> None:
    body = filled(piece)
    begun = time.monotonic()
    with pytest.raises(DomicileError) as refused:
        parse_json(body, max_values=MAX_VALUES)
    assert time.monotonic() - begun < READ_WITHIN_S
    assert refused.value.code == "invalid_json"
    assert str(MAX_VALUES) in refused.value.message


@pytest.mark.parametrize("piece", [b"a, b", b"{[,", b'\\"a\\", ', b"\\\\", b"\\ud83d\\ude00"], ids=repr)
def test_text_may_hold_what_it_likes(piece: bytes) -> None:
    body = b'{"text": "' + piece * (MEGABYTES_20 // len(piece)) + b'"}'
    begun = time.monotonic()
    assert parse_json(body, max_values=MAX_VALUES)["text"]
    assert time.monotonic() - begun < READ_WITHIN_S


def test_as_many_values_as_are_allowed() -> None:
    assert len(parse_json(b"[" + b"1," * (MAX_VALUES - 1) + b"1]", max_values=MAX_VALUES)) == MAX_VALUES
    with pytest.raises(DomicileError):
        parse_json(b"[" + b"1," * MAX_VALUES + b"1]", max_values=MAX_VALUES)
    assert len(parse_json(b"[" + b"1," * MAX_VALUES + b"1]")) == MAX_VALUES + 1
