"""An engine endpoint over HTTP: reads a request, replies whole or as a stream, and stops when the client disconnects."""

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
# The region has already dropped the members that it drops, so the engine drops none.
_NOTHING = DroppedMembers(())

RequestT = TypeVar("RequestT")
Read = Callable[[Request], Awaitable[RequestT]]


def json_reader(
    type_: type[RequestT],
    *checks: Callable[[RequestT], None],
    limit_bytes: int,
    max_values: int = MAX_VALUES,
) -> Read[RequestT]:
    """Return a reader that decodes a JSON body as the platform does, then runs `checks`.

    The checks are the rules of the API and the limits of the model.
    """

    def decode(body: bytes) -> RequestT:
        parsed = decode_dropping(body, type_, _NOTHING, max_values=max_values).value
        for check in checks:
            check(parsed)
        return parsed

    async def read(request: Request) -> RequestT:
        return await read_json_by(request, decode, limit_bytes=limit_bytes)

    return read


class HttpReply:
    """The reply to one request: whole or streamed. An error follows the form that has begun."""

    def __init__(self, send: Send) -> None:
        """`send`: the ASGI channel of the request."""
        self._send = send
        self._streaming: str | None = None

    async def json(self, body: bytes) -> None:
        """Send a whole JSON reply."""
        await self.whole(body, "application/json")

    async def whole(self, body: bytes, content_type: str) -> None:
        """Send a whole reply of any content type."""
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def event(self, data: bytes) -> None:
        """Send one server-sent event."""
        await self.part(b"data: " + data + b"\n\n", "text/event-stream; charset=utf-8")

    async def done(self) -> None:
        """Send the `[DONE]` event and end the stream."""
        await self.event(b"[DONE]")
        await self.end()

    async def part(self, body: bytes, content_type: str) -> None:
        """Send a part of a streamed reply. The first part sets the content type."""
        if self._streaming is None:
            self._streaming = content_type
            headers = [(b"content-type", content_type.encode()), (b"cache-control", b"no-cache")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """End a streamed reply."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: DomicileError) -> None:
        """Raise the error, or send it as the last event of a stream.

        Raises `ConnectionAbortedError` for a stream of plain bytes, which has no place for an error.
        """
        if self._streaming is None:
            raise error
        if not self._streaming.startswith("text/event-stream"):
            raise ConnectionAbortedError
        await self.event(error_rendering.envelope(error))
        await self.end()


class ModelEndpoint(Generic[RequestT]):
    """An ASGI endpoint. It reads the body, then watches for the client's disconnect while `answer` works."""

    def __init__(
        self, read: Read[RequestT], answer: Callable[[RequestT, str | None, HttpReply], Coroutine[None, None, None]]
    ) -> None:
        """`answer` takes the request, its project and the reply. It replies or raises `DomicileError`.

        It is cancelled when the client disconnects.
        """
        self._read = read
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = HttpReply(send)
        request = Request(scope, receive)
        try:
            parsed = await self._read(request)
            # The region sets this header to the project of the request.
            work = self._answer(parsed, request.headers.get("domicile-tenant"), reply)
            await _until_client_leaves(receive, work)
        except ClientDisconnectedError:
            raise
        except DomicileError as error:
            await reply.fail(error)
        except Exception as error:
            # Log only the type and do not raise the error: its text may quote the request.
            _log.error("the model failed to answer: %s", type(error).__name__)
            await reply.fail(model_failed())


async def _until_client_leaves(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Run `work` to its end. Cancel it and raise `ClientDisconnectedError` when the client disconnects.

    Cancelling frees the slot for waiting requests.
    """
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
