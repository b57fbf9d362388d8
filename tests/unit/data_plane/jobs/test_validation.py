"""The lines of an input, however it arrives in pieces, and the chunks that are made of them."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.jobs import validation
from domicile.data_plane.jobs.batch import ChunkPlan
from domicile.data_plane.jobs.input_lines import InputLine, LineSplitter, lines_of
from domicile.data_plane.jobs.validation import InputInvalidError, InputValidator

PARTS = [b"", b" ", b"a", b"bc", b"\n", b"\r\n", b"\xef\xbb\xbf", b"\xc3\xa4", b"x" * 12]


def split(pieces: list[bytes], line_bytes_max: int = 1000) -> list[InputLine]:
    splitter = LineSplitter(line_bytes_max=line_bytes_max)
    return [*(line for piece in pieces for line in splitter.feed(piece)), *splitter.end()]


@given(st.lists(st.sampled_from(PARTS)), st.lists(st.integers(0, 40)))
@settings(deadline=None)
def test_lines_do_not_depend_on_the_pieces(parts: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(parts)
    edges = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in itertools.pairwise(edges)]
    found = split(pieces)
    assert found == split([whole])
    plain = whole.removeprefix(b"\xef\xbb\xbf")
    expected = [line.strip() for line in plain.split(b"\n")]
    assert [line.text for line in found] == [line for line in expected if line]
    for line in found:
        assert whole[line.offset : line.end].count(b"\n") <= 1
        assert whole[: line.offset].count(b"\n") == line.number - 1
        again = lines_of(whole[line.offset : line.end], number=line.number, offset=line.offset)
        assert again == [line]


def test_a_line_that_is_too_long_is_not_held() -> None:
    found = split([b"a" * 600, b"b" * 600, b"c" * 600 + b"\nshort\n"], line_bytes_max=1000)
    assert [(line.number, line.text, line.offset) for line in found] == [(1, None, 0), (2, b"short", 1801)]


def a_line(number: int, endpoint: str = "/v1/chat/completions", **body: Any) -> bytes:
    request = {"custom_id": f"line-{number}", "method": "POST", "url": endpoint, "body": {"model": "one", **body}}
    return json.dumps(request).encode() + b"\n"


def validated(content: bytes, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS) -> tuple[ChunkPlan, ...]:
    validator = InputValidator(endpoint, lambda _endpoint, name: name)
    validator.feed(content)
    return validator.end().chunks


def codes(content: bytes, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS) -> list[tuple[str, int | None]]:
    with pytest.raises(InputInvalidError) as failed:
        validated(content, endpoint)
    return [(error.code, error.line) for error in failed.value.found]


def test_chunks_hold_25_lines_and_leave_none_out() -> None:
    content = b"".join(a_line(each) + b"\n" * (each % 3) for each in range(1, 61))
    chunks = validated(content)
    assert [chunk.lines for chunk in chunks] == [25, 25, 10]
    ids = []
    for chunk in chunks:
        part = content[chunk.byte_offset : chunk.byte_offset + chunk.byte_length]
        found = lines_of(part, number=chunk.first_line, offset=chunk.byte_offset)
        assert len(found) == chunk.lines
        ids += [json.loads(line.text or b"")["custom_id"] for line in found]
    assert ids == [f"line-{each}" for each in range(1, 61)]


def test_a_chunk_of_long_lines_is_bounded_by_its_bytes() -> None:
    long = validation.CHUNK_BYTES // 3
    content = b"".join(a_line(each, text="x" * long) for each in range(1, 8)) + a_line(8, text="x" * 4 * long)
    chunks = validated(content)
    assert [chunk.lines for chunk in chunks] == [2, 2, 2, 1, 1]
    assert max(chunk.byte_length for chunk in chunks[:4]) <= validation.CHUNK_BYTES


def test_one_line_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "LINES_MAX", 3)
    good = b"".join(a_line(each) for each in range(1, 4))
    assert sum(chunk.lines for chunk in validated(good)) == 3
    assert codes(good + a_line(4) + b"broken") == [("too_many_tasks", 4)]


def test_a_body_beyond_the_endpoints_limit() -> None:
    assert codes(a_line(1) + a_line(2, text="x" * 21 * 1024 * 1024) + a_line(3)) == [("request_too_large", 2)]


def test_the_inputs_of_embeddings_are_counted_over_all_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "EMBEDDING_INPUTS_MAX", 5)
    where = Endpoint.EMBEDDINGS
    inputs: list[Any] = [["a", "b"], "c", [1, 2, 3, 4], [[1], [2]]]
    content = [a_line(each, where, input=value) for each, value in enumerate(inputs, start=1)]
    assert sum(chunk.lines for chunk in validated(b"".join(content[:3]), where)) == 3
    assert codes(b"".join(content), where) == [("too_many_inputs", 4)]


@pytest.mark.parametrize("line", [b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"{" * 70 + b"}" * 70, b"null x"])
def test_the_rules_of_a_body_hold_for_a_line(line: bytes) -> None:
    assert codes(line + b"\n" + a_line(2)) == [("invalid_json_line", 1)]


def tokens(*lines: bytes) -> int:
    validator = InputValidator(Endpoint.CHAT_COMPLETIONS, lambda _endpoint, name: name)
    validator.feed(b"".join(lines))
    return validator.end().tokens


def test_tokens_are_estimated_from_the_bodies_without_their_media() -> None:
    bare = tokens(a_line(1, messages=[]))
    assert 5 <= bare <= 10
    assert tokens(a_line(1, messages=[]), a_line(2, messages=[])) == 2 * bare
    text = {"role": "user", "content": "x" * 4000}
    assert 1000 <= tokens(a_line(1, messages=[text])) - bare <= 1020
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 100_000, "format": "wav"}}
    assert tokens(a_line(1, messages=[{"role": "user", "content": [image, sound]}])) - bare <= 60
    # What has another shape is refused when the line runs.
    odd: Any
    for odd in ("text", [1], [{"content": [3]}], [{"content": [{"image_url": 3}]}], [{"content": [{"image_url": {}}]}]):
        assert tokens(a_line(1, messages=odd)) >= bare
