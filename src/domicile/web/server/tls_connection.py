"""TLS between a socket and the HTTP protocol, with control over when decryption stops.

The event loops have TLS of their own, but it continues to decrypt after a request was refused. Here no record is decrypted
after the one with a refused head (design 4.1). `DiscardingSocket` drops the later records inside the kernel.
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
# The largest record's content (RFC 8446, 5.1).
_RECORD_BYTES = 16 * 1024
# OpenSSL's buffers never shrink while the connection lives, so they are filled by at most this much at a time.
_SLICE_BYTES = 32 * 1024


class TlsConnection(asyncio.Protocol):
    """The TLS of one connection, by OpenSSL. It makes the HTTP protocol after the handshake and passes it the decrypted bytes.

    Until then it is itself in the server's set of connections, so that a stopping server ends it.
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
        """`make_http`: makes the HTTP protocol. `connections`: the server's open connections.

        A client that has not finished the handshake after `handshake_timeout_s` is cut off.
        """
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
        # Made at the first byte, so that a silent client costs almost no memory.
        self._tls: ssl.SSLObject | None = None
        self._http: HttpReceiver | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._is_ended = False
        self.socket: asyncio.Transport
        self.is_reading = True

    # Callbacks of the socket's transport -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the handshake's deadline. Untrusted peers and connections above the limit are aborted."""
        self.socket = transport
        is_trusted = self._trusted_proxies is None or self._trusted_proxies.include(transport)
        if not is_trusted or len(self._connections) >= self._max_connections:
            # Abort without a 503: its handshake would cost more than serving the open connections.
            self._is_ended = True
            transport.abort()
            return
        self._connections.add(self)
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._handshake_timeout_s, transport.abort)

    def data_received(self, data: bytes) -> None:
        """Continue the handshake, then decrypt. Bytes after `send_close_notify` are dropped."""
        if self._is_ended:
            return
        self._waiting = memoryview(bytes(self._waiting) + data if self._waiting else data)
        if self._http is not None or self._handshake():
            self._decrypt()

    def eof_received(self) -> None:
        """The client has ended the connection without close_notify. The transport closes itself after this."""
        self.send_close_notify()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline, and tell the HTTP protocol if there is one."""
        self._is_ended = True
        self._stop_waiting()
        if self._http is not None:
            self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """Passed on to the HTTP protocol, as is `resume_writing`."""
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()

    # Called by the server --------------------------------------------------------------------------------------------

    def shutdown(self) -> None:
        """The server stops during the handshake."""
        self.socket.abort()

    # Called by `TlsTransport` ----------------------------------------------------------------------------------------

    def encrypt(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send bytes. Does nothing after `send_close_notify`."""
        if self._tls is None or self._is_ended:
            return
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest[:_SLICE_BYTES]) :]
            self._send()

    def send_close_notify(self) -> None:
        """End the sending direction (RFC 8446, 6.1), and decrypt nothing more."""
        if self._tls is None or self._is_ended:
            return
        self._is_ended = True
        # Drop received records first: OpenSSL would search them for the client's close_notify.
        self._drop()
        with contextlib.suppress(ssl.SSLError):
            self._tls.unwrap()
        self._send()

    def pause(self) -> None:
        """Stop reading and decrypting."""
        self.is_reading = False
        self.socket.pause_reading()

    def resume(self) -> None:
        """Continue to read, and decrypt the records that arrived before the pause."""
        if self.is_reading or self._is_ended:
            return
        self.is_reading = True
        self.socket.resume_reading()
        if self._received.pending or self._waiting:
            # Later, since the HTTP protocol may be in one of its own callbacks now.
            asyncio.get_running_loop().call_soon(self._decrypt)

    def information(self, name: str, default: Any) -> Any:
        """The transport's extra information, with `ssl_object` and `sslcontext`."""
        if self._tls is not None and name in {"ssl_object", "sslcontext"}:
            return self._tls if name == "ssl_object" else self._tls.context
        return self.socket.get_extra_info(name, default)

    # TLS -------------------------------------------------------------------------------------------------------------

    def _handshake(self) -> bool:
        """Continue the handshake. Returns whether it is done. A client without acceptable TLS gets an alert and is cut off."""
        if self._tls is None:
            self._tls = self._certificate.context().wrap_bio(self._received, self._to_send, server_side=True)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if not self._feed():
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
        while self.is_reading and not self._is_ended:
            try:
                # Decrypt into the listener's buffer, which is overwritten: a record may hold a prompt after a refused head.
                size = cast(int, self._tls.read(_RECORD_BYTES, self._buffer.memory))
            except ssl.SSLWantReadError:
                if self._feed():
                    continue
                break
            except ssl.SSLError:
                self._break_off()
                return
            if not size:
                # The client has sent close_notify: no answer can follow in HTTP/1.1.
                self.send_close_notify()
                self.socket.close()
                return
            self._buffer.lend(size, self._http.data_received)
        self._send()

    def _break_off(self) -> None:
        """Send OpenSSL's alert, if there is one, and close."""
        self._is_ended = True
        self._drop()
        self._send()
        self.socket.close()

    def _feed(self) -> bool:
        """Pass OpenSSL the next received bytes, at most `_SLICE_BYTES`. Returns False when none are left."""
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
    """The HTTP protocol's transport. Unlike the event loops' TLS transports it can shut down its sending direction alone."""

    def __init__(self, connection: TlsConnection) -> None:
        super().__init__()
        self._connection = connection
        self._socket = connection.socket

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """The socket's information, with `ssl_object` and `sslcontext`."""
        return self._connection.information(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.encrypt(data)

    def can_write_eof(self) -> bool:
        return self._socket.can_write_eof()

    def write_eof(self) -> None:
        """Send close_notify, then shut down the socket's sending direction."""
        self._connection.send_close_notify()
        self._socket.write_eof()

    def close(self) -> None:
        """Send close_notify, then close once all is written."""
        self._connection.send_close_notify()
        self._socket.close()

    def abort(self) -> None:
        """Close at once, without close_notify."""
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
        """Limits for the encrypted bytes that wait for the socket."""
        self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """The number of encrypted bytes that wait for the socket."""
        return self._socket.get_write_buffer_size()
