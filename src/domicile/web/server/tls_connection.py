"""TLS between a socket and the HTTP protocol, where it can be told when to stop decrypting.

The event loops bring TLS of their own, but one that goes on taking in what a client sends after it was refused. Here a
refusal on the head (design 4.1) means over TLS what it means without: the record that held the head was decrypted, and no
later one ever is. `DiscardingSocket` drops them as they are, inside the kernel.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, cast

from domicile.web.server.receive_buffer import HttpReceiver, ReceiveBuffer
from domicile.web.server.tls_certificate import ServerCertificate
from domicile.web.server.trusted_proxies import TrustedProxies

HANDSHAKE_TIMEOUT_S = 10.0
# The most that a record holds (RFC 8446, 5.1).
_RECORD_BYTES = 16 * 1024
# OpenSSL's buffers keep the size that they once had, for as long as the connection lives: so they are filled by so much.
_SLICE_BYTES = 32 * 1024


class TlsConnection(asyncio.Protocol):
    """One connection's TLS, by OpenSSL. The HTTP protocol is made when the handshake is done, and sees what is inside.

    Until then it stands itself among the server's open connections, so that a stopping server ends it.
    """

    def __init__(
        self,
        certificate: ServerCertificate,
        make_http: Callable[[], HttpReceiver],
        buffer: ReceiveBuffer,
        connections: set[Any],
        *,
        max_connections: int,
        trusted_proxies: TrustedProxies | None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        """`handshake_timeout_s`: how long a client may take until it is secure; then it is cut off."""
        self._certificate = certificate
        self._make_http = make_http
        self._buffer = buffer
        self._connections = connections
        self._max_connections = max_connections
        self._trusted_proxies = trusted_proxies
        self._handshake_timeout_s = handshake_timeout_s
        self._waiting = memoryview(b"")
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        # Made with the first byte: a client that connects and says nothing costs next to nothing.
        self._tls: ssl.SSLObject | None = None
        self._http: HttpReceiver | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._said_goodbye = False
        self.socket: asyncio.Transport
        self.is_reading = True

    # What the socket tells -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.socket = transport
        is_trusted = self._trusted_proxies is None or self._trusted_proxies.include(transport)
        if not is_trusted or len(self._connections) >= self._max_connections:
            # A handshake only to say that there are too many would cost more than the connections that there are.
            self._said_goodbye = True
            transport.abort()
            return
        self._connections.add(self)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._handshake_timeout_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._said_goodbye:
            return
        self._waiting = memoryview(bytes(self._waiting) + data if self._waiting else data)
        if self._http is not None or self._shake_hands():
            self._decrypt()

    def eof_received(self) -> None:
        # Without the goodbye of TLS: whatever was under way is not whole. The transport closes itself after this.
        self.say_goodbye()

    def connection_lost(self, exc: Exception | None) -> None:
        self._said_goodbye = True
        self._stop_waiting()
        if self._http is not None:
            self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()

    # What the server tells -------------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """The server stops while hands are still being shaken."""
        self.socket.abort()

    # What the HTTP protocol tells, through its transport -------------------------------------------------------------

    def encrypt(self, data: bytes | bytearray | memoryview) -> None:
        if self._tls is None or self._said_goodbye:
            return
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest[:_SLICE_BYTES]) :]
            self._send()

    def say_goodbye(self) -> None:
        """Tells the client that nothing more comes (RFC 8446, 6.1). Nothing that it sends is decrypted from now on."""
        if self._tls is None or self._said_goodbye:
            return
        self._said_goodbye = True
        # OpenSSL would look for the other side's goodbye among what has come.
        self._drop()
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._send()

    def pause(self) -> None:
        self.is_reading = False
        self.socket.pause_reading()

    def resume(self) -> None:
        if self.is_reading or self._said_goodbye:
            return
        self.is_reading = True
        self.socket.resume_reading()
        if self._received.pending or self._waiting:
            # Not here: the HTTP protocol may be in the middle of something.
            asyncio.get_running_loop().call_soon(self._decrypt)

    def information(self, name: str, default: Any) -> Any:
        if self._tls is not None and name in {"ssl_object", "sslcontext"}:
            return self._tls if name == "ssl_object" else self._tls.context
        return self.socket.get_extra_info(name, default)

    # TLS -------------------------------------------------------------------------------------------------------------

    def _shake_hands(self) -> bool:
        """Whether it is done. Whoever does not speak TLS, or none that is spoken here, is told so and cut off."""
        if self._tls is None:
            self._tls = self._certificate.context().wrap_bio(self._received, self._to_send, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if not self._take_in():
                    self._send()
                    return False
            except ssl.SSLError:
                self._break_off()
                return False
        self._send()
        self._stop_waiting()
        self._http = self._make_http()
        self._http.connection_made(TlsTransport(self))
        return True

    def _decrypt(self) -> None:
        assert self._tls is not None and self._http is not None
        while self.is_reading and not self._said_goodbye:
            try:
                # Into memory that can be wiped: a record may hold a prompt behind a head that is refused.
                size = cast(int, self._tls.read(_RECORD_BYTES, self._buffer.memory))
            except ssl.SSLWantReadError:
                if self._take_in():
                    continue
                break
            except ssl.SSLError:
                self._break_off()
                return
            if not size:
                # The client says goodbye: HTTP/1.1 has nothing to answer after it.
                self.say_goodbye()
                self.socket.close()
                return
            self._buffer.lend(size, self._http.data_received)
        self._send()

    def _break_off(self) -> None:
        """Sends the alert that OpenSSL has made, if any, and ends."""
        self._said_goodbye = True
        self._drop()
        self._send()
        self.socket.close()

    def _take_in(self) -> bool:
        """Hands OpenSSL a little of what has come. False when nothing is left."""
        if not self._waiting:
            return False
        self._received.write(self._waiting[:_SLICE_BYTES])
        self._waiting = self._waiting[_SLICE_BYTES:]
        return True

    def _drop(self) -> None:
        self._waiting = memoryview(b"")
        self._received.read()

    def _send(self) -> None:
        if self._to_send.pending:
            self.socket.write(self._to_send.read())

    def _stop_waiting(self) -> None:
        self._connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class TlsTransport(asyncio.Transport):
    """The connection as the HTTP protocol sees it. Unlike those of the event loops it can end its own direction alone."""

    def __init__(self, connection: TlsConnection) -> None:
        super().__init__()
        self._connection = connection
        self._socket = connection.socket

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._connection.information(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.encrypt(data)

    def can_write_eof(self) -> bool:
        return self._socket.can_write_eof()

    def write_eof(self) -> None:
        self._connection.say_goodbye()
        self._socket.write_eof()

    def close(self) -> None:
        self._connection.say_goodbye()
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        self._connection.pause()

    def resume_reading(self) -> None:
        self._connection.resume()

    def is_reading(self) -> bool:
        return self._connection.is_reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._socket.get_write_buffer_size()
