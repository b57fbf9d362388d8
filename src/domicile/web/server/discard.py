"""Emptying a socket without reading it.

A client that is still sending when it is refused must be let finish, or its kernel answers our closing with a reset and it
never reads the refusal. But the bytes of another region's prompt must not come into this process (design 4.1). Linux can
do both: `recv` with `MSG_TRUNC` on a TCP socket drops what has arrived inside the kernel and copies nothing (tcp(7)).
Over TLS it is the same: what is dropped is ciphertext, and nothing of a connection is decrypted any more once this has begun.
Elsewhere the socket stays unread until it is closed; some clients then report a reset instead of the refusal.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable

# Where the bytes would go if they were read. Nothing is ever written here.
_NOWHERE = bytearray(256 * 1024)


class DiscardingSocket:
    """A transport's socket from the moment on which nobody may read it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        *,
        on_bytes: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """`on_bytes` is told that something was dropped, `on_end` that the other side has ended its own direction."""
        self._loop = loop
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._socket: socket.socket | None = None
        transport.pause_reading()
        if sys.platform == "linux":
            # A descriptor of its own: the event loop does not let two watch one.
            self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            self._socket.setblocking(False)
            loop.add_reader(self._socket.fileno(), self._drop)

    def close(self) -> None:
        """Stops dropping. The transport's own socket is not touched."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _drop(self) -> None:
        if self._socket is None:
            return
        count = 0
        with contextlib.suppress(ConnectionError):
            try:
                count = self._socket.recv_into(_NOWHERE, len(_NOWHERE), socket.MSG_TRUNC)
            except BlockingIOError:
                return
        if count:
            self._on_bytes()
            return
        self.close()
        self._on_end()
