"""The `Range` header of a request (RFC 9110, 14): which part of some content is asked for."""

import re
from dataclasses import dataclass

from starlette.datastructures import Headers

from domicile.web import http_errors

_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes `start` to `end` (exclusive) of some content, at least one."""

    start: int
    end: int

    def content_range(self, size_bytes: int) -> str:
        """The header `Content-Range` of the answer."""
        return f"bytes {self.start}-{self.end - 1}/{size_bytes}"


def requested_range(headers: Headers, size_bytes: int, etag: str) -> ByteRange | None:
    """The one range that is asked for. None when the whole content is to be sent.

    Raises 416 for a range behind the end. As RFC 9110 allows, several ranges and what is no range are ignored; so is a range
    of another content than this (`If-Range`).
    """
    sent = headers.getlist("range")
    condition = headers.get("if-range")
    found = _RANGE.fullmatch(sent[0]) if len(sent) == 1 else None
    if found is None or (condition is not None and condition.strip() != etag):
        return None
    first, last = found.groups()
    if not first and not last:
        return None
    if not first:
        start, end = max(size_bytes - int(last), 0), size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise http_errors.range_not_satisfiable(size_bytes)
    return ByteRange(start, end)
