"""Empties a socket without reading its bytes.

A refused client may still be sending. It must be able to finish, or closing the connection resets it and the client never reads
the refusal. But the bytes of another region's prompt must not enter this process (design 4.1). Linux allows both: `recv` with
`MSG_TRUNC` on a TCP socket drops received bytes inside the kernel and copies nothing (tcp(7)). Over TLS the dropped bytes are
ciphertext, and nothing is decrypted after this has begun. On other systems the socket stays unread until it is closed, and some
clients report a reset instead of the refusal.
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable

# The target buffer that `recv_into` demands. MSG_TRUNC writes nothing into it.
_NOWHERE = bytearray(256 * 1024)


class DiscardingSocket:
    """Stops a transport from reading its socket, and drops the bytes that arrive."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        *,
        on_bytes: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """`on_bytes`: called when bytes were dropped. `on_end`: called when the client has ended its sending direction."""
        self._loop = loop
        self._on_bytes = on_bytes
        self._on_end = on_end
        self._socket: socket.socket | None = None
        transport.pause_reading()
        if sys.platform == "linux":
            # A duplicate, since the event loop allows one watcher for each descriptor.
            self._socket = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            self._socket.setblocking(False)
            loop.add_reader(self._socket.fileno(), self._drop)

    def close(self) -> None:
        """Stop dropping. The transport's own socket stays open."""
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
