"""The memory into which a listener's connections read, owned here so that it can be wiped.

An event loop hands a plain protocol an immutable `bytes` for each read, and uvloop keeps what it read in a buffer of its own
besides. The official clients' prompt often shares the first read with the head: so a prompt with another region's key would
stay in memory until the allocator reused the place. Here each read lies in one buffer, the parser looks at it in place, and
the buffer is overwritten before the next read.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

# As much as asyncio and uvloop read at once.
RECEIVE_BYTES = 256 * 1024


class ReceiveBuffer:
    """One for each listener. The connections of an event loop read one after the other, so they can share it."""

    def __init__(self, size: int = RECEIVE_BYTES) -> None:
        self.memory = memoryview(bytearray(size))
        self._zeros = memoryview(bytes(size))

    def lend(self, size: int, take: Callable[[memoryview], None]) -> None:
        """Shows the first `size` bytes to `take`, which must copy what it wants to keep, then overwrites them."""
        try:
            take(self.memory[:size])
        finally:
            self.memory[:size] = self._zeros[:size]


class HttpReceiver(Protocol):
    """What a connection tells the HTTP protocol."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        """The connection is open."""
        ...

    def data_received(self, data: memoryview) -> None:
        """Bytes have come. The view is valid during the call only."""
        ...

    def eof_received(self) -> None:
        """The client has ended its own direction."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        ...

    def pause_writing(self) -> None:
        """The client takes its answer too slowly."""
        ...

    def resume_writing(self) -> None:
        """The client has caught up."""
        ...


class ClearConnection(asyncio.BufferedProtocol):
    """A connection without TLS: reads into the listener's buffer and shows it to the HTTP protocol.

    A class of its own, because uvloop lends no buffer to a protocol that is an `asyncio.Protocol` as well.
    """

    def __init__(self, http: HttpReceiver, buffer: ReceiveBuffer) -> None:
        self._http = http
        self._buffer = buffer
        # Called for each read: looked up once.
        self._data_received = http.data_received

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._http.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer.memory

    def buffer_updated(self, nbytes: int) -> None:
        self._buffer.lend(nbytes, self._data_received)

    def eof_received(self) -> None:
        self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        self._http.pause_writing()

    def resume_writing(self) -> None:
        self._http.resume_writing()
