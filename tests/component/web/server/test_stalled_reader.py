"""A client that stops reading: little is kept for it, its sender is held back, and it is not waited for without end."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from domicile.web.application import Application
from tests.component.web.live_server import DEADLINE_S, LOOPS, RawConnection, live_server
from tests.platform.processes import eventually

PIECE = b"x" * 4096
LARGE_BYTES = 64 * 1024 * 1024
# What the kernels of both sides may hold, with small buffers, and what this side may.
HELD_MAX_BYTES = 1024 * 1024


class Flood:
    """`GET /flood` writes without end; `GET /large` answers at once, with more than any buffer holds."""

    def __init__(self) -> None:
        self.written = 0
        self.ended = threading.Event()
        self.asgi = Application([Route("/flood", self._flood), Route("/large", self._large)])

    async def _flood(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    self.written += len(PIECE)
                    yield PIECE
                    # Its cancellation is noticed where it waits, and a buffer that is not full lets it wait nowhere else.
                    await asyncio.sleep(0)
            finally:
                self.ended.set()

        return StreamingResponse(pieces())

    async def _large(self, _request: Request) -> Response:
        return Response(b"x" * LARGE_BYTES)


def stalled(host: str, port: int, path: str) -> RawConnection:
    """A client with a small window that asks and then reads nothing."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(DEADLINE_S)
    sock.connect((host, port))
    connection = RawConnection(sock)
    connection.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


@pytest.mark.parametrize("loop", LOOPS)
def test_a_stalled_reader_of_a_stream_is_ended_and_holds_little(loop: str) -> None:
    flood = Flood()
    with live_server(flood.asgi, loop, stall_timeout_s=0.3) as server, stalled(server.host, server.port, "/flood"):
        assert flood.ended.wait(DEADLINE_S), "the stream goes on for nobody"
    # The kernel's own send buffer grows to some megabytes; without flow control it would be hundreds.
    assert flood.written < 16 * HELD_MAX_BYTES


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("loop", LOOPS)
def test_a_large_answer_that_nobody_reads_is_dropped(loop: str) -> None:
    flood = Flood()
    with (
        live_server(flood.asgi, loop, stall_timeout_s=0.3) as server,
        stalled(server.host, server.port, "/large") as connection,
    ):
        read = len(connection.socket.recv(1))
        answering = open_descriptors()
        eventually(lambda: open_descriptors() < answering, what="the server lets go of the connection")
        while part := connection.socket.recv(65536):
            read += len(part)
    assert read < LARGE_BYTES, "what was not yet in the kernel's hands is dropped"


@pytest.mark.parametrize("loop", LOOPS)
def test_a_slow_reader_that_goes_on_reading_is_left_alone(loop: str) -> None:
    flood = Flood()
    with (
        live_server(flood.asgi, loop, stall_timeout_s=2.0) as server,
        stalled(server.host, server.port, "/flood") as it,
    ):
        read = 0
        while read < 8 * HELD_MAX_BYTES:
            read += len(it.socket.recv(65536))
        assert not flood.ended.is_set()
