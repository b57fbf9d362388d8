"""Reading a request's body within its bounds, and answering with JSON."""

import asyncio
import codecs
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from domicile.kernel import errors
from domicile.process.off_loop import off_loop
from domicile.web import http_errors
from domicile.web.application import BODY_HOLD, ClientDisconnectedError
from domicile.web.bodies import multipart
from domicile.web.bodies.body_memory import BodyHold
from domicile.web.bodies.json_body import MAX_VALUES, converted, decode_json
from domicile.web.bodies.multipart import MEDIA_TYPE, FormError, UnknownFieldError, is_form

T = TypeVar("T")

BODY_TIMEOUT_S = 60.0
# How much of what a client wrote an error repeats.
_SHOWN = 64


async def read_body(request: Request, *, limit_bytes: int, large_member: str | None = None) -> bytes:
    """The whole body. 413 as soon as it is known to be too large, 408 when it does not arrive within `BODY_TIMEOUT_S`, 503
    when the process holds too many large ones, 415 when it is encoded.

    `large_member`: what takes up nearly all of a large one, and so is named as the fault.
    """
    _refuse_encoding(request)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit_bytes:
        raise http_errors.too_large(limit_bytes, large_member)
    hold: BodyHold | None = request.scope.get(BODY_HOLD)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > limit_bytes:
                    raise http_errors.too_large(limit_bytes, large_member)
                if hold is not None:
                    hold.grow_to(len(body))
    except TimeoutError:
        raise http_errors.request_timeout() from None
    except ClientDisconnect:
        raise ClientDisconnectedError from None
    return bytes(body)


async def read_json(request: Request, type_: type[T], *, limit_bytes: int, max_values: int = MAX_VALUES) -> T:
    """The body as a closed type. 415 unless it is declared as JSON. An absent body reads as `{}`.

    A byte order mark before it is ignored, as RFC 8259 8.1 allows: some clients write one.
    """
    return await read_json_by(
        request, lambda body: decode_json(body, type_, max_values=max_values), limit_bytes=limit_bytes
    )


async def read_json_by(request: Request, decode: Callable[[bytes], T], *, limit_bytes: int) -> T:
    """What `decode` makes of the body, under the same rules."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise http_errors.unsupported_media_type("application/json")
    body = (await read_body(request, limit_bytes=limit_bytes)).removeprefix(codecs.BOM_UTF8)
    return await off_loop(lambda: decode(body or b"{}"), len(body), _account(request))


async def read_form(
    request: Request, type_: type[T], *, limit_bytes: int, file: str, file_limit_bytes: int, lists: frozenset[str]
) -> T:
    """The form as a closed type. 415 unless it is declared as one. `file` is its one file, `lists` are its lists.

    Lists are sent as `name[]` by SDKs, and may be sent as `name`; a list of one is one all the same.
    """
    content_type = request.headers.get("content-type", "")
    if not is_form(content_type):
        raise http_errors.unsupported_media_type(MEDIA_TYPE)
    body = await read_body(request, limit_bytes=limit_bytes, large_member=file)
    try:
        form = await off_loop(
            lambda: multipart.read_form(body, content_type, files=frozenset({file}), texts=_fields(type_) - {file}),
            len(body),
            _account(request),
        )
    except UnknownFieldError as error:
        raise errors.unknown_parameter(error.param or "") from None
    except FormError as error:
        raise errors.invalid_request(error.message, param=error.param, code="invalid_form") from None
    if file not in form.files:
        raise errors.missing_parameter(file)
    if len(form.files[file]) > file_limit_bytes:
        raise http_errors.too_large(file_limit_bytes, file)
    members: dict[str, Any] = dict(form.files)
    for sent, values in form.fields.items():
        name = sent.removesuffix("[]")
        if name in lists:
            members.setdefault(name, []).extend(values)
        else:
            members[sent] = values[0] if len(values) == 1 and sent == name else values
    return converted(members, type_, from_text=True)


def _account(request: Request) -> str:
    """Whose request it is: a project's id, or empty where none is known."""
    hold: BodyHold | None = request.scope.get(BODY_HOLD)
    return "" if hold is None else hold.account


def _refuse_encoding(request: Request) -> None:
    """415 for a body that must be decoded first: what it would become has no bound, and no client needs it."""
    for value in request.headers.getlist("content-encoding"):
        for encoding in value.split(","):
            if encoding.strip().lower() not in {"", "identity"}:
                raise http_errors.unsupported_content_encoding(encoding.strip()[:_SHOWN])


def _fields(type_: Any) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(type_))


def json_response(value: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A struct or plain values as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")
