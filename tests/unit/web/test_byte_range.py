"""Ranges of content, as RFC 9110 asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from domicile.kernel.errors import DomicileError
from domicile.web.byte_range import ByteRange, requested_range

ETAG = '"file-1"'


def asked(*ranges: str, size: int = 10, **headers: str) -> ByteRange | None:
    raw = [(b"range", each.encode()) for each in ranges]
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return requested_range(Headers(raw=raw), size, ETAG)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=9-", (9, 10)),
        ("bytes=2-4", (2, 5)),
        ("bytes=2-99999999999999", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("Bytes= 2-4 ", (2, 5)),
    ],
)
def test_a_range(sent: str, expected: tuple[int, int]) -> None:
    assert asked(sent) == ByteRange(*expected)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "bytes=-",
        "bytes=4-2",
        "bytes=a-b",
        "bytes 0-1",
        "bytes=0-1,3-4",
        "items=0-1",
        "bytes=٣-٤",
        "bytes=+1-2",
        "0-1",
    ],
)
def test_what_is_no_range_is_ignored(sent: str) -> None:
    assert asked(sent) is None


def test_two_headers_are_ignored_and_none_is_the_whole() -> None:
    assert asked("bytes=0-1", "bytes=0-1") is None
    assert asked() is None


@pytest.mark.parametrize(("sent", "size"), [("bytes=10-", 10), ("bytes=10-11", 10), ("bytes=0-", 0), ("bytes=-0", 10)])
def test_a_range_behind_the_end(sent: str, size: int) -> None:
    with pytest.raises(DomicileError) as caught:
        asked(sent, size=size)
    assert caught.value.code == "range_not_satisfiable"


def test_a_range_of_another_content_is_ignored() -> None:
    assert asked("bytes=0-1", if_range=ETAG) == ByteRange(0, 2)
    assert asked("bytes=0-1", if_range='"file-2"') is None
    assert asked("bytes=0-1", if_range="Sun, 06 Nov 1994 08:49:37 GMT") is None


@given(st.text(), st.integers(min_value=0, max_value=2**40))
def test_any_header_is_a_range_inside_or_an_error(sent: str, size: int) -> None:
    try:
        found = requested_range(
            Headers({"range": "bytes=" + sent.encode("latin-1", "ignore").decode("latin-1")}), size, ""
        )
    except DomicileError:
        return
    assert found is None or 0 <= found.start < found.end <= size
