"""Receives a request's body in chunks, within its bounds of size and time."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import Request

from domicile.web import http_errors
from domicile.web.application import BODY_HOLD, ClientDisconnectedError
from domicile.web.bodies.body_memory import BodyHold

BODY_TIMEOUT_S = 60.0
"""How long a body may take. With a slowest pace: how long a client may be silent, and the time before the pace counts."""
# How many characters of the client's own words an error repeats.
_SHOWN = 64


async def receive_chunks(
    request: Request, *, limit_bytes: int, large_member: str | None = None, slowest_bytes_per_s: int | None = None
) -> AsyncGenerator[bytes]:
    """Yield the body in chunks. Each chunk is taken from the connection only when asked for: this is the back-pressure.

    Errors: 413 as soon as the body is known to be too large, 408 when it is too slow, 415 when it is encoded, and
    `ClientDisconnectedError`. `large_member`: the parameter that the 413 names. `slowest_bytes_per_s`: the body may take
    one second more for every so many bytes. Only the time spent waiting for the client counts.
    """
    _refuse_encoding(request)
    _refuse_declared_length(request, limit_bytes, large_member)
    time = asyncio.get_running_loop().time
    waited, received, more = 0.0, 0, True
    while more:
        left = BODY_TIMEOUT_S - waited
        if slowest_bytes_per_s is not None:
            left = min(BODY_TIMEOUT_S, left + received / slowest_bytes_per_s)
        began = time()
        try:
            async with asyncio.timeout(left):
                message = await request.receive()
        except TimeoutError:
            raise http_errors.request_timeout() from None
        waited += time() - began
        if message["type"] == "http.disconnect":
            raise ClientDisconnectedError
        more, chunk = message.get("more_body", False), message.get("body", b"")
        received += len(chunk)
        if received > limit_bytes:
            raise http_errors.too_large(limit_bytes, large_member)
        if chunk:
            yield chunk


def hold_of(request: Request) -> BodyHold | None:
    """The count of the memory that this request's body takes. None in applications that count none."""
    hold: BodyHold | None = request.scope.get(BODY_HOLD)
    return hold


def _refuse_declared_length(request: Request, limit_bytes: int, large_member: str | None) -> None:
    """Raise 413 before the first byte when `Content-Length` says that the body is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise http_errors.too_large(limit_bytes, large_member)


def _refuse_encoding(request: Request) -> None:
    """Raise 415 for a compressed body: its decompressed size has no bound, and no client needs it."""
    for value in request.headers.getlist("content-encoding"):
        for encoding in value.split(","):
            if encoding.strip().lower() not in {"", "identity"}:
                raise http_errors.unsupported_content_encoding(encoding.strip()[:_SHOWN])
