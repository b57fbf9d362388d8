"""An endpoint of the engine over HTTP: read a request, answer it whole or in parts, and stop when the client leaves."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from domicile.kernel.errors import DomicileError
from domicile.web import error_rendering
from domicile.web.application import ClientDisconnectedError
from domicile.web.bodies.dropped_members import DroppedMembers
from domicile.web.bodies.json_body import MAX_VALUES
from domicile.web.bodies.reading import read_json_by
from domicile.web.bodies.tolerant_json import decode_dropping
from domicile_engines.runtime.engine_errors import model_failed

_log = logging.getLogger(__name__)
# What a region drops never reaches an engine: nothing is dropped here.
_NOTHING = DroppedMembers(())

RequestT = TypeVar("RequestT")
Read = Callable[[Request], Awaitable[RequestT]]


def json_reader(
    type_: type[RequestT],
    *checks: Callable[[RequestT], None],
    limit_bytes: int,
    max_values: int = MAX_VALUES,
) -> Read[RequestT]:
    """The platform's own reader for a JSON body, then `checks`: the rules of the API, and what the model cannot do."""

    def decode(body: bytes) -> RequestT:
        asked = decode_dropping(body, type_, _NOTHING, max_values=max_values).value
        for check in checks:
            check(asked)
        return asked

    async def read(request: Request) -> RequestT:
        return await read_json_by(request, decode, limit_bytes=limit_bytes)

    return read


class Reply:
    """The one reply to a request: whole, or a stream; an error takes whichever form has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streaming: str | None = None

    async def json(self, body: bytes) -> None:
        """A whole answer."""
        await self.whole(body, "application/json")

    async def whole(self, body: bytes, content_type: str) -> None:
        """A whole answer of any kind."""
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def event(self, data: bytes) -> None:
        """One server-sent event."""
        await self.part(b"data: " + data + b"\n\n", "text/event-stream; charset=utf-8")

    async def done(self) -> None:
        """The end of a stream of events."""
        await self.event(b"[DONE]")
        await self.end()

    async def part(self, body: bytes, content_type: str) -> None:
        """A part of an answer that is sent as it is made; the first decides on the content type."""
        if self._streaming is None:
            self._streaming = content_type
            headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """The end of what was sent in parts."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: DomicileError) -> None:
        """Raise the error, or send it as the last event. Bytes that have begun can only be cut off."""
        if self._streaming is None:
            raise error
        if not self._streaming.startswith("text/event-stream"):
            raise ConnectionAbortedError
        await self.event(error_rendering.envelope(error))
        await self.end()


class Endpoint(Generic[RequestT]):
    """An ASGI endpoint, so that it alone decides when to listen for the client leaving."""

    def __init__(
        self, read: Read[RequestT], answer: Callable[[RequestT, str | None, Reply], Coroutine[None, None, None]]
    ) -> None:
        """`answer` takes the request, the project whose turn it is, and the reply. It replies or raises `DomicileError`, and is
        cancelled when the client leaves."""
        self._read = read
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = Reply(send)
        request = Request(scope, receive)
        try:
            asked = await self._read(request)
            # The region names the project.
            work = self._answer(asked, request.headers.get("domicile-tenant"), reply)
            await _until_client_leaves(receive, work)
        except ClientDisconnectedError:
            raise
        except DomicileError as error:
            await reply.fail(error)
        except Exception as error:
            # By its type only, and no further up: its text may quote the request.
            _log.error("the model failed to answer: %s", type(error).__name__)
            await reply.fail(model_failed())


async def _until_client_leaves(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Run `work` to its end, or cancel it when the client goes: its slot belongs to those who wait."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_leaves(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnectedError
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
            with suppress(BaseException):
                await task


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
