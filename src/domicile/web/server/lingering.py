"""The end of a connection whose client may still be sending.

After an answer that leaves a part of the request's body unread, a connection that is closed is reset: most clients then report
a connection error and never read the answer. So our own direction ends first, and what still comes is dropped, unread.
"""

import asyncio

from domicile.web.server.deadline import Deadline
from domicile.web.server.discard import DiscardingSocket

# How long the client may go on sending, and how long after the last of it we wait for its own end, in seconds.
LINGER_S = 30.0
LINGER_IDLE_S = 2.0


class LingeringEnd:
    """Of one connection. Nothing is read after `stop_reading`; after `begin` the connection ends by itself."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._discarding: DiscardingSocket | None = None
        self._until: float | None = None
        self._idle = Deadline(loop, LINGER_IDLE_S)

    @property
    def has_begun(self) -> bool:
        """Whether our own direction has ended: nothing can be written any more."""
        return self._until is not None

    def stop_reading(self) -> None:
        """From now on what the client sends is dropped. Without a descriptor for that, the connection is cut off."""
        if self._discarding is not None:
            return
        try:
            self._discarding = DiscardingSocket(
                self._loop, self._transport, on_bytes=self._wait, on_end=self._transport.close
            )
        except OSError:
            self._transport.abort()

    def begin(self) -> None:
        """Tells the client that nothing more comes, and lets it finish sending."""
        self.stop_reading()
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._until = self._loop.time() + LINGER_S
        self._wait()

    def close(self) -> None:
        """The connection is lost: no descriptor and no timer stays behind."""
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
