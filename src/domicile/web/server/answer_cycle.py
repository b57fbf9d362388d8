"""uvicorn's answer to one request, with two rules of HTTP that it lacks."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class AnswerCycle(RequestResponseCycle):
    """Ends the connection after an answer that left a part of the body unread, and sends HTTP/1.0 no chunks.

    Who is still sending when an answer is complete is sending something that nobody will use. How the connection ends is the
    transport's matter: the protocol gives one whose `close` lets the client read the answer.
    """

    _until_close = False

    async def send(self, message: Any) -> None:
        """Like uvicorn's."""
        if message["type"] == "http.response.start":
            if self.more_body:
                self.keep_alive = False
            if self.scope["http_version"] == "1.0" and not _has_length(message):
                # RFC 9112 6.1: no Transfer-Encoding for HTTP/1.0. The end of the connection ends the body.
                self._until_close = True
                self.chunked_encoding = False
        elif self._until_close:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(cast(Any, message))


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))


class AnswerTransport:
    """A connection as an answer sees it. `close` is the protocol's: it leaves the client the time to read the answer."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close
