"""Reading a request's body within its bounds, and answering with JSON."""

import asyncio
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from domicile.kernel import errors
from domicile.web.application import ClientDisconnectedError
from domicile.web.json_body import MAX_VALUES, decode_json

T = TypeVar("T")

BODY_TIMEOUT_S = 60.0


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """The whole body. 413 as soon as it is known to be too large, 408 when it does not arrive within `BODY_TIMEOUT_S`."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise errors.too_large(limit_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > limit_bytes:
                    raise errors.too_large(limit_bytes)
    except TimeoutError:
        raise errors.request_timeout() from None
    except ClientDisconnect:
        raise ClientDisconnectedError from None
    return bytes(body)


async def read_json(request: Request, type_: type[T], *, limit_bytes: int, max_values: int = MAX_VALUES) -> T:
    """The body as a closed type. 415 unless it is declared as JSON. An absent body reads as `{}`."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise errors.unsupported_media_type("application/json")
    body = await read_body(request, limit_bytes=limit_bytes)
    return decode_json(body or b"{}", type_, max_values=max_values)


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A struct or plain values as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
