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
from domicile.data_plane.metering.entry import Outcome
from domicile.kernel import errors
from domicile.web import error_rendering
from domicile.web.application import ClientDisconnectedError

T = TypeVar("T")

# The longest wait for a client that has stopped reading.
_LAST_EVENT_S = 1.0


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T], cancellation: Cancellation) -> T:
    """The work's result. When the client disconnects, cancels the work and raises `ClientDisconnectedError`."""
    watching = _cancel_when_disconnected(receive, cancellation)
    try:
        return await work
    except asyncio.CancelledError:
        _raise_if_client_left(cancellation)
        raise
    finally:
        watching.cancel()


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
        watching = _cancel_when_disconnected(receive, self._cancellation)
        try:
            await self._send_all(send)
        except asyncio.CancelledError:
            _raise_if_client_left(self._cancellation)
            # The drain time is over. Send an error event, so that the client does not take the stream for complete.
            await self._break_off(send)
            raise
        finally:
            watching.cancel()
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


def _cancel_when_disconnected(receive: Receive, cancellation: Cancellation) -> "asyncio.Task[None]":
    """Watch in a task of its own, and cancel the current one when the client disconnects.

    The work stays in the current task: a task of its own would cost each request 20 us and two turns of the event loop.
    """
    return asyncio.create_task(_watch(receive, cancellation, _running_task()))


async def _watch(receive: Receive, cancellation: Cancellation, working: "asyncio.Task[Any]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancellation.by_client()
    working.cancel()


def _raise_if_client_left(cancellation: Cancellation) -> None:
    """Raise `ClientDisconnectedError` if the client alone is the reason of a cancellation, and not the server as well."""
    if cancellation.outcome is Outcome.CLIENT_LEFT and _running_task().uncancel() == 0:
        raise ClientDisconnectedError from None


def _running_task() -> "asyncio.Task[Any]":
    task = asyncio.current_task()
    assert task is not None
    return task
