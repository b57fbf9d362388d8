"""uvicorn's answer cycle of one request, with two rules of HTTP that it lacks."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class AnswerCycle(RequestResponseCycle):
    """Ends the connection if the answer begins before the whole body has arrived, and sends no chunks to HTTP/1.0.

    The rest of such a body would never be used. The transport's `close` decides how the connection ends: the protocol passes
    one that lets the client read the answer.
    """

    _until_close = False

    async def send(self, message: Any) -> None:
        """Send an ASGI message, with the two rules applied."""
        if message["type"] == "http.response.start":
            if self.more_body:
                self.keep_alive = False
            if self.scope["http_version"] == "1.0" and not _has_length(message):
                # RFC 9112 6.1: no Transfer-Encoding in HTTP/1.0. The end of the connection ends the body.
                self._until_close = True
                self.chunked_encoding = False
        elif self._until_close:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(cast(Any, message))


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))


class AnswerTransport:
    """The part of a transport that an answer uses, with a `close` that gives the client time to read the answer."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
