"""A real server on a loop of its own, so that blocking clients and raw sockets can talk to it."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from domicile.web.application import Application
from domicile.web.bodies.reading import read_body, read_json
from domicile.web.server.http_server import HttpServer, bind, serving
from tests.platform.certificates import Issuer

DEADLINE_S = 10.0
# How a client sees that it was cut off: in clear and over TLS.
CUT_OFF = (ConnectionError, ssl.SSLEOFError)
LOOPS: dict[str, Callable[[Coroutine[Any, Any, None]], None]] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


@dataclass
class LiveServer:
    """Where it listens, and its loop."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    issuer: Issuer | None = None
    """Of its certificate, when it speaks TLS."""

    @property
    def url(self) -> str:
        return f"{'http' if self.issuer is None else 'https'}://{self.host}:{self.port}"

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What an HTTP client is told to trust."""
        return False if self.issuer is None else self.issuer.client()

    def connect(self) -> "RawConnection":
        """In clear or over TLS, as the server speaks. Over TLS an end without a goodbye is an error."""
        sock = socket.create_connection((self.host, self.port), DEADLINE_S)
        if self.issuer is None:
            return RawConnection(sock)
        context = self.issuer.client()
        return RawConnection(context.wrap_socket(sock, server_hostname=self.host, suppress_ragged_eofs=False))

    def call(self, function: Callable[..., object], *arguments: object) -> None:
        """Calls on the server's own loop, where events of asyncio belong."""
        self.loop.call_soon_threadsafe(lambda: function(*arguments))


@contextmanager
def live_server(
    app: ASGIApp, loop_kind: str = "asyncio", issuer: Issuer | None = None, **options: Any
) -> Iterator[LiveServer]:
    """Serves `app` while the block runs, over TLS with an `issuer`. Fails when the server does not end after it."""
    if issuer is not None:
        options["certificate"] = issuer.server()
    listening = bind("127.0.0.1", 0)
    host, port = listening.getsockname()
    started = threading.Event()
    known: list[asyncio.AbstractEventLoop] = []
    stop: list[asyncio.Event] = []

    async def serve() -> None:
        known.append(asyncio.get_running_loop())
        stop.append(asyncio.Event())
        async with serving([HttpServer(app, listening, **options)]):
            started.set()
            await stop[0].wait()

    thread = threading.Thread(target=lambda: LOOPS[loop_kind](serve()))
    thread.start()
    try:
        assert started.wait(DEADLINE_S)
        yield LiveServer(host, port, known[0], issuer)
    finally:
        known[0].call_soon_threadsafe(stop[0].set)
        thread.join(2 * DEADLINE_S)
        listening.close()
        assert not thread.is_alive(), "the server does not stop"


@dataclass
class RawAnswer:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class RawConnection:
    """A socket whose every wait has a deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._pending = b""

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_beneath(self, data: bytes) -> None:
        """Past TLS, which would not let a client send after the server's goodbye."""
        socket.socket.sendall(self.socket, data)

    def answer(self, *, to_head: bool = False) -> RawAnswer:
        """The next answer on this connection, of a declared length or in chunks."""
        head = self._until(b"\r\n\r\n").decode("latin-1")
        status_line, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = b""
        if not to_head and headers.get("transfer-encoding") == "chunked":
            while size := int(self._until(b"\r\n"), 16):
                body += self._exactly(size + 2)[:-2]
            self._exactly(2)
        elif not to_head:
            body = self._exactly(int(headers.get("content-length", "0")))
        return RawAnswer(int(status_line.split(" ")[1]), headers, body)

    def rest(self) -> bytes:
        """Everything until the server closes. A reset is no orderly end, and fails."""
        while self._receive():
            pass
        rest, self._pending = self._pending, b""
        return rest

    def _until(self, end: bytes) -> bytes:
        while end not in self._pending:
            assert self._receive(), f"the connection ended: {self._pending!r}"
        part, _, self._pending = self._pending.partition(end)
        return part + end

    def _exactly(self, size: int) -> bytes:
        while len(self._pending) < size:
            assert self._receive(), f"the connection ended: {self._pending!r}"
        part, self._pending = self._pending[:size], self._pending[size:]
        return part

    def _receive(self) -> bool:
        part = self.socket.recv(65536)
        self._pending += part
        return bool(part)


class RecordingApplication:
    """Endpoints that remember what reached them. `GET /held` answers only when the test releases it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.seen: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.release = asyncio.Event()
        self.held = threading.Event()
        self.left = threading.Event()
        self.asgi = Application(
            [
                Route("/echo", self._echo, methods=["POST"]),
                Route("/hello", self._hello, methods=["GET"]),
                Route("/held", self._held, methods=["GET"]),
                Route("/early", self._early, methods=["POST"]),
                Route("/pieces", self._pieces, methods=["GET"]),
                Route("/json", self._json, methods=["POST"]),
                Route("/endless", self._endless, methods=["GET"]),
            ]
        )

    async def _echo(self, request: Request) -> Response:
        self.seen.append("echo")
        self.headers.append(dict(request.headers))
        self.bodies.append(await read_body(request, limit_bytes=1024 * 1024))
        # After the body, where a trailer would have joined them.
        self.headers.append(dict(Request(request.scope).headers))
        return JSONResponse({"length": len(self.bodies[-1])})

    async def _hello(self, request: Request) -> Response:
        self.seen.append("hello")
        return JSONResponse({"said": request.query_params.get("say")})

    async def _held(self, _request: Request) -> Response:
        self.seen.append("held")
        self.held.set()
        await self.release.wait()
        return JSONResponse({"held": True})

    async def _early(self, _request: Request) -> Response:
        self.seen.append("early")
        return JSONResponse({"early": True})

    async def _pieces(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        return StreamingResponse(pieces())

    async def _json(self, request: Request) -> Response:
        return JSONResponse(await read_json(request, dict[str, Any], limit_bytes=1024))

    async def _endless(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    self.held.set()
                    yield b"more"
                    await asyncio.sleep(0.01)
            finally:
                self.left.set()

        return StreamingResponse(pieces())
