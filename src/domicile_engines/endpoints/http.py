"""What the engine needs of HTTP: a bounded body, one reply, and to notice that the client has left."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from domicile_engines.runtime import errors
from domicile_engines.runtime.errors import Refusal

BODY_BYTES_MAX = 1024 * 1024
"""Of a request that holds text only."""
_log = logging.getLogger(__name__)


class ClientLeft(Exception):  # noqa: N818 - an event, not a fault
    """Nobody is there to read an answer."""


@dataclass(frozen=True)
class EngineRequest:
    """What an endpoint is asked."""

    body: bytes
    content_type: str
    """As the header says it, with its parameters; empty when there is none."""
    tenant: str | None = None
    """Whose turn it is: the project, as the region names it in the header `domicile-tenant`."""


class Reply:
    """The one reply to a request: whole, or a stream; a refusal takes whichever form has begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._streaming: str | None = None

    async def json(self, body: bytes) -> None:
        """A whole answer."""
        await self.whole(body, "application/json")

    async def whole(self, body: bytes, content_type: str) -> None:
        """A whole answer of any kind."""
        await _send_whole(self._send, 200, content_type, body)

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

    async def refuse(self, refusal: Refusal) -> None:
        """Says what is wrong: as an answer, or as the last event. Bytes that have begun can only be cut off."""
        if self._streaming is None:
            retry_after = refusal.retry_after_seconds
            await _send_whole(self._send, refusal.status, "application/json", errors.body(refusal), retry_after)
        elif self._streaming.startswith("text/event-stream"):
            await self.event(errors.body(refusal))
            await self.end()
        else:
            raise ConnectionAbortedError


class Endpoint:
    """An ASGI endpoint, so that it alone decides when to listen for the client leaving.

    `answer` replies, or raises a `Refusal`; it is cancelled when the client leaves.
    """

    def __init__(
        self,
        answer: Callable[[EngineRequest, Reply], Coroutine[None, None, None]],
        body_bytes_max: int = BODY_BYTES_MAX,
    ) -> None:
        self._answer = answer
        self._body_bytes_max = body_bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        reply = Reply(send)
        try:
            body = await read_body(receive, self._body_bytes_max)
            request = EngineRequest(body, _header(scope, b"content-type") or "", _header(scope, b"domicile-tenant"))
            await until_client_leaves(receive, self._answer(request, reply))
        except ClientLeft:
            return
        except Refusal as refusal:
            await reply.refuse(refusal)
        except Exception as error:
            # By its type only, and no further up, where it would be logged whole: its text may quote the request.
            _log.error("the model failed to answer: %s", type(error).__name__)
            await reply.refuse(Refusal(503, "engine_unavailable", "The model failed to answer.", None, 1))


def _header(scope: Scope, wanted: bytes) -> str | None:
    return next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == wanted), None)


async def read_body(receive: Receive, body_bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The request's body."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        body += message.get("body", b"")
        if len(body) > body_bytes_max:
            raise Refusal(413, "request_too_large", f"The body is larger than {body_bytes_max} bytes.")
        if not message.get("more_body", False):
            return bytes(body)


async def until_client_leaves(receive: Receive, work: Coroutine[None, None, None]) -> None:
    """Run `work` to its end, or cancel it when the client goes: its slot belongs to those who wait."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_client_leaves(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientLeft
        await working
    finally:
        for task in (working, leaving):
            task.cancel()
            with suppress(BaseException):
                await task


async def _client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send_whole(
    send: Send, status: int, content_type: str, body: bytes, retry_after_seconds: int | None = None
) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    if retry_after_seconds is not None:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
