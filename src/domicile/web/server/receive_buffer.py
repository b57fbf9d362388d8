"""The memory into which a listener's connections read. It is owned here, so that it can be overwritten after each read.

An event loop gives an ordinary protocol an immutable `bytes` for each read, and uvloop keeps another copy in its own buffer.
The first read often holds a head and a prompt. So a prompt sent with another region's key would stay in memory until the
allocator reused the place. Here each read goes into one buffer, is parsed in place, and is overwritten before the next read.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

# The size of one read of asyncio and uvloop.
RECEIVE_BYTES = 256 * 1024


class ReceiveBuffer:
    """One buffer for each listener. Connections of one event loop never read at the same time, so they can share it."""

    def __init__(self, size: int = RECEIVE_BYTES) -> None:
        self.memory = memoryview(bytearray(size))
        self._zeros = memoryview(bytes(size))

    def lend(self, size: int, take: Callable[[memoryview], None]) -> None:
        """Pass the first `size` bytes to `take`, then overwrite them. `take` must copy the bytes that it keeps."""
        try:
            take(self.memory[:size])
        finally:
            self.memory[:size] = self._zeros[:size]


class HttpReceiver(Protocol):
    """The callbacks of an HTTP protocol that its connection calls, like those of `asyncio.Protocol`."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The connection is open. Over TLS: the handshake is done."""
        ...

    def data_received(self, data: memoryview) -> None:
        """Bytes have arrived. The view is valid during the call only."""
        ...

    def eof_received(self) -> None:
        """The client has shut down its sending direction."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        ...

    def pause_writing(self) -> None:
        """The write buffer is full: the client reads too slowly."""
        ...

    def resume_writing(self) -> None:
        """The write buffer has room again."""
        ...


class ClearConnection(asyncio.BufferedProtocol):
    """A connection without TLS: reads into the listener's buffer and passes the bytes to the HTTP protocol.

    It is a class of its own because uvloop ignores `get_buffer` of a protocol that is also an `asyncio.Protocol`.
    """

    def __init__(self, http: HttpReceiver, buffer: ReceiveBuffer) -> None:
        self._http = http
        self._buffer = buffer
        # Looked up once, as it is called for each read.
        self._data_received = http.data_received

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Passed on to the HTTP protocol, as are the callbacks below."""
        self._http.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """The listener's buffer, for the next read."""
        return self._buffer.memory

    def buffer_updated(self, nbytes: int) -> None:
        """Pass `nbytes` bytes to the HTTP protocol, then overwrite them."""
        self._buffer.lend(nbytes, self._data_received)

    def eof_received(self) -> None:
        self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()
