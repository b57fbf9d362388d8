"""Runs streamed and unary work, and cancels it when the client disconnects."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from domicile.data_plane.http.answer import StreamedAnswer
from domicile.data_plane.inference.adapter import EVENT_STREAM
from domicile.data_plane.inference.cancellation import Cancellation
from domicile.kernel import errors
from domicile.web import error_rendering
from domicile.web.application import ClientDisconnectedError

T = TypeVar("T")

# The longest wait for a client that has stopped reading.
_LAST_EVENT_S = 1.0


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T], cancellation: Cancellation) -> T:
    """The work's result. When the client disconnects, cancels the work and raises `ClientDisconnectedError`.

    When the server cancels this call, records that in `cancellation`.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnectedError
    except asyncio.CancelledError:
        cancellation.by_platform()
        raise
    finally:
        await _end(working)
        await _end(watching)


class StreamedResponse(Response):
    """Sends a streamed answer with back-pressure: no further piece is taken while the client does not read."""

    def __init__(self, answer: StreamedAnswer) -> None:
        headers = {"cache-control": "no-cache", "x-accel-buffering": "no", **answer.headers}
        super().__init__(None, answer.status, headers, answer.media_type)
        if "content-length" not in headers:
            del self.headers["content-length"]
        self._pieces = answer.pieces
        self._cancellation = answer.cancellation
        self._is_events = answer.media_type == EVENT_STREAM
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send_all(send))
        watching = asyncio.create_task(_disconnected(receive))
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                raise ClientDisconnectedError
            sending.result()
        except asyncio.CancelledError:
            # The drain time is over. Send an error event, so that the client does not take the stream for complete.
            self._cancellation.by_platform()
            await _end(sending)
            await self._break_off(send)
            raise
        finally:
            await _end(sending)
            await _end(watching)
            await self._pieces.aclose()

    async def _break_off(self, send: Send) -> None:
        if not (self._has_begun and self._is_events):
            return
        error = errors.service_unavailable("This server is stopping. Send the request again.")
        event = b"data: " + error_rendering.envelope(error) + b"\n\n"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_EVENT_S):
                await send({"type": "http.response.body", "body": event, "more_body": False})

    async def _send_all(self, send: Send) -> None:
        self._has_begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _end(task: "asyncio.Task[Any]") -> None:
    if not task.done():
        # Only if it runs: waiting for a finished task still takes a turn of the event loop.
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        # Retrieve the exception: asyncio logs exceptions that were never retrieved.
        task.exception()
