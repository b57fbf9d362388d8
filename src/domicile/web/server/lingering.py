"""Closes a connection whose client may still be sending (lingering close).

If a connection is closed while a part of the request's body is unread, the kernel resets it. Most clients then report a
connection error and never read the answer. So the sending direction is shut down first, and later bytes are dropped unread.
"""

import asyncio

from domicile.web.server.deadline import Deadline
from domicile.web.server.discard import DiscardingSocket

# Seconds that the client may continue to send, and seconds to wait for more bytes or its end.
LINGER_S = 30.0
LINGER_IDLE_S = 2.0


class LingeringEnd:
    """The lingering close of one connection. After `begin` the connection ends by itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._discarding: DiscardingSocket | None = None
        self._until: float | None = None
        self._idle = Deadline(loop, LINGER_IDLE_S)

    @property
    def has_begun(self) -> bool:
        """Whether `begin` was called. Nothing can be written after that."""
        return self._until is not None

    def stop_reading(self) -> None:
        """Drop all further bytes from the client. If no descriptor is free for that, abort the connection."""
        if self._discarding is not None:
            return
        try:
            self._discarding = DiscardingSocket(
                self._loop, self._transport, on_bytes=self._wait, on_end=self._transport.close
            )
        except OSError:
            self._transport.abort()

    def begin(self) -> None:
        """Shut down the sending direction, and let the client finish sending."""
        self.stop_reading()
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._until = self._loop.time() + LINGER_S
        self._wait()

    def close(self) -> None:
        """Release the descriptor and the timer. Call it when the connection is lost."""
        self._idle.stop()
        if self._discarding is not None:
            self._discarding.close()
            self._discarding = None

    def _wait(self) -> None:
        if self._until is None:
            return
        if self._loop.time() > self._until:
            self._transport.abort()
            return
        self._idle.start(self._transport.abort)
