"""A request's body as it arrives, within its bounds of size and time."""

import asyncio
from collections.abc import AsyncGenerator

from starlette.requests import ClientDisconnect, Request

from domicile.web import http_errors
from domicile.web.application import BODY_HOLD, ClientDisconnectedError
from domicile.web.bodies.body_memory import BodyHold

BODY_TIMEOUT_S = 60.0
"""How long a body may take. For a body with a slowest pace: how long it may be silent, and its time before the pace counts."""
# How much of what a client wrote an error repeats.
_SHOWN = 64


async def receive_chunks(
    request: Request, *, limit_bytes: int, large_member: str | None = None, slowest_bytes_per_s: int | None = None
) -> AsyncGenerator[bytes]:
    """The body in chunks. The next one is taken from the connection when it is asked for: this is the back-pressure.

    413 as soon as the body is known to be too large, 408 when it is too slow, 415 when it is encoded. Raises
    `ClientDisconnectedError`. `large_member`: what takes up nearly all of a large body, and so is named as the fault.
    `slowest_bytes_per_s`: a body may take one second more for so many bytes. Only the time spent waiting for the client counts.
    """
    _refuse_encoding(request)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise http_errors.too_large(limit_bytes, large_member)
    time = asyncio.get_running_loop().time
    chunks = request.stream()
    waited, received = 0.0, 0
    while True:
        left = BODY_TIMEOUT_S - waited
        if slowest_bytes_per_s is not None:
            left = min(BODY_TIMEOUT_S, left + received / slowest_bytes_per_s)
        began = time()
        try:
            async with asyncio.timeout(left):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise http_errors.request_timeout() from None
        except ClientDisconnect:
            raise ClientDisconnectedError from None
        waited += time() - began
        if chunk is None:
            return
        received += len(chunk)
        if received > limit_bytes:
            raise http_errors.too_large(limit_bytes, large_member)
        yield chunk


def hold_of(request: Request) -> BodyHold | None:
    """Counts the memory that the body takes. None where bodies are not counted."""
    hold: BodyHold | None = request.scope.get(BODY_HOLD)
    return hold


def _refuse_encoding(request: Request) -> None:
    """415 for a body that must be decoded first: what it would become has no bound, and no client needs it."""
    for value in request.headers.getlist("content-encoding"):
        for encoding in value.split(","):
            if encoding.strip().lower() not in {"", "identity"}:
                raise http_errors.unsupported_content_encoding(encoding.strip()[:_SHOWN])
