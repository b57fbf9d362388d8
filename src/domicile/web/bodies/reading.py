"""Reading a request's body whole, and answering with JSON. Forms are read in `form_stream`."""

import codecs
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from domicile.process.off_loop import off_loop
from domicile.web import http_errors
from domicile.web.bodies.json_body import MAX_VALUES, decode_json
from domicile.web.bodies.receiving import hold_of, receive_chunks

T = TypeVar("T")


async def read_body(request: Request, *, limit_bytes: int) -> bytes:
    """Return the whole body. Errors: those of `receive_chunks`, and 503 when the process holds too many large bodies."""
    hold = hold_of(request)
    body = bytearray()
    async with aclosing(receive_chunks(request, limit_bytes=limit_bytes)) as chunks:
        async for chunk in chunks:
            if hold is not None:
                hold.grow_by(len(chunk))
            body += chunk
    return bytes(body)


async def read_json(request: Request, type_: type[T], *, limit_bytes: int, max_values: int = MAX_VALUES) -> T:
    """The body as a closed type. 415 unless it is declared as JSON. An absent body reads as `{}`.

    A byte order mark before it is ignored, as RFC 8259 8.1 allows: some clients write one.
    """
    return await read_json_by(
        request, lambda body: decode_json(body, type_, max_values=max_values), limit_bytes=limit_bytes
    )


async def read_json_by(request: Request, decode: Callable[[bytes], T], *, limit_bytes: int) -> T:
    """Return what `decode` makes of the body, by the rules of `read_json`."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise http_errors.unsupported_media_type("application/json")
    body = (await read_body(request, limit_bytes=limit_bytes)).removeprefix(codecs.BOM_UTF8)
    return await off_loop(lambda: decode(body or b"{}"), len(body), _account(request))


def _account(request: Request) -> str:
    """The id of the request's project. Empty before the key is known."""
    hold = hold_of(request)
    return "" if hold is None else hold.account


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A struct or plain values as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
