"""Requests as bytes on a socket. Every wait has a deadline, so a hang is a failure."""

import contextlib
import socket
from collections.abc import Sequence

from tests.component.web.live_server import RawAnswer, RawConnection

DEADLINE_S = 10.0
# How long half a request is given to be answered before its sender ends it.
PATIENCE_S = 0.5


def request(
    method: bytes, target: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes | None, *, chunked: bool = False
) -> bytes:
    """One request, whole. `body` None: no header says that there is one."""
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    if body is not None:
        lines.append(b"transfer-encoding: chunked" if chunked else b"content-length: %d" % len(body))
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    if body is None or not chunked:
        return head + (body or b"")
    pieces = [body[start : start + 1000] for start in range(0, len(body), 1000)]
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class Wire:
    """A connection that is made again whenever the server has ended it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: RawConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.socket.close()
            self._connection = None

    def exchange(self, data: bytes, *, to_head: bool = False) -> RawAnswer:
        """The answer to these bytes."""
        if self._connection is None:
            self._connection = RawConnection(socket.create_connection(("127.0.0.1", self._port), DEADLINE_S))
        connection = self._connection
        try:
            # A refusal may come before the last byte has gone out.
            with contextlib.suppress(ConnectionError):
                connection.send(data)
            answer = connection.answer(to_head=to_head)
        except BaseException:
            self.close()
            raise
        if answer.headers.get("connection") == "close":
            self.close()
        return answer

    def exchange_alone(self, data: bytes, *, to_head: bool = False) -> RawAnswer | None:
        """The answer on a connection of its own; None when the server waits for the rest of what was half sent.

        It must then end with the connection: one that is kept open on both sides would be a leak.
        """
        connection = RawConnection(socket.create_connection(("127.0.0.1", self._port), DEADLINE_S))
        with connection:
            with contextlib.suppress(ConnectionError):
                connection.send(data)
            connection.socket.settimeout(PATIENCE_S)
            try:
                answer = connection.answer(to_head=to_head)
                return connection.answer(to_head=to_head) if answer.status == 100 else answer
            except TimeoutError:
                connection.socket.settimeout(DEADLINE_S)
            with contextlib.suppress(ConnectionError):
                connection.socket.shutdown(socket.SHUT_WR)
                connection.rest()
        return None
