"""Listening: sockets bound first, any number of applications on one event loop, one graceful stop for all."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from domicile.web.server.head_judgement import HeadGate
from domicile.web.server.protocol import (
    HEAD_TIMEOUT_S,
    MAX_CONNECTIONS,
    STALL_TIMEOUT_S,
    LimitedHttpProtocol,
    RefusalObserver,
    protocol_class,
)
from domicile.web.server.receive_buffer import ClearConnection, ReceiveBuffer
from domicile.web.server.tls_certificate import ServerCertificate
from domicile.web.server.tls_connection import HANDSHAKE_TIMEOUT_S, TlsConnection
from domicile.web.server.trusted_proxies import TrustedProxies

BACKLOG = 1024
# How long a connection may say nothing between two requests, in seconds: as long as before the first (HEAD_TIMEOUT_S).
KEEP_ALIVE_S = 30
CANCEL_S = 5.0


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Port 0 takes a free one; `getsockname` tells which. Raises OSError when it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named: otherwise an answer of two writes takes 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def bind_unix(path: Path) -> socket.socket:
    """A listening Unix socket that only this user can reach. A left-over of a killed process is replaced."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handling, which is for one server in a process and exits by the signal."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class HttpServer:
    """One application on one socket."""

    def __init__(
        self,
        app: ASGIApp,
        sock: socket.socket,
        *,
        certificate: ServerCertificate | None = None,
        trusted_proxies: TrustedProxies | None = None,
        head_gate: HeadGate | None = None,
        handshake_timeout_s: float = HANDSHAKE_TIMEOUT_S,
        head_timeout_s: float = HEAD_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
        drain_s: float = 5.0,
        on_refusal: RefusalObserver | None = None,
        refusal_headers: Sequence[tuple[str, str]] = (),
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """With a `certificate` over TLS, and over nothing else. With `trusted_proxies` for their connections alone.

        `drain_s`: how long requests in flight may go on after `stop`, in seconds. `on_refusal` is told of each answer
        that the protocol gives by itself: no application sees those requests. `refusal_headers` go on each of them.
        """
        self._socket = sock
        http = protocol_class(
            head_gate=head_gate,
            on_refusal=on_refusal,
            trusted_proxies=trusted_proxies,
            refusal_headers=refusal_headers,
            max_connections=max_connections,
            head_timeout_s=head_timeout_s,
            stall_timeout_s=stall_timeout_s,
        )
        buffer = ReceiveBuffer()
        if certificate is None:
            connection = _in_clear(http, buffer)
        else:
            connection = _over_tls(http, buffer, certificate, trusted_proxies, handshake_timeout_s)
        self._server = _Server(
            uvicorn.Config(
                # The two libraries describe the same interface in two ways.
                cast(Any, app),
                loop="none",
                http=connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=int(drain_s),
            )
        )

    async def run(self) -> None:
        """Serves until `stop`, then drains. When it returns no request is running any more, and so none is uncounted."""
        await self._server.serve(sockets=[self._socket])
        # uvicorn cancels what outlives the drain, but does not wait for it to end.
        if self._server.server_state.tasks:
            if self._server.force_exit:
                for task in self._server.server_state.tasks:
                    task.cancel()
            await asyncio.wait(self._server.server_state.tasks, timeout=CANCEL_S)

    def stop(self) -> None:
        """Accepts nothing new from now on; `run` returns when the requests in flight have ended or `drain_s` is over."""
        self._server.should_exit = True

    def stop_at_once(self) -> None:
        """Like `stop`, and cuts off what is in flight: each request still ends in order, and so is counted."""
        self._server.should_exit = True
        self._server.force_exit = True


def _in_clear(http: type[LimitedHttpProtocol], buffer: ReceiveBuffer) -> Any:
    """What makes a connection's protocol, as uvicorn's configuration takes it."""

    def connection(**arguments: Any) -> ClearConnection:
        return ClearConnection(http(**arguments), buffer)

    return connection


def _over_tls(
    http: type[LimitedHttpProtocol],
    buffer: ReceiveBuffer,
    certificate: ServerCertificate,
    trusted_proxies: TrustedProxies | None,
    handshake_timeout_s: float,
) -> Any:
    """The same over TLS."""

    def connection(*, server_state: Any, **arguments: Any) -> TlsConnection:
        return TlsConnection(
            certificate,
            partial(http, server_state=server_state, **arguments),
            buffer,
            server_state.connections,
            max_connections=http.max_connections,
            trusted_proxies=trusted_proxies,
            handshake_timeout_s=handshake_timeout_s,
        )

    return connection


@contextlib.asynccontextmanager
async def serving(servers: Sequence[HttpServer], at_once: asyncio.Event | None = None) -> AsyncIterator[None]:
    """Serves all of them while the block runs. After it they drain, unless `at_once` is set or becomes so."""
    hurrying = None if at_once is None else asyncio.create_task(_stop_at_once(servers, at_once))
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.run())
            try:
                yield
            finally:
                for server in servers:
                    server.stop()
    finally:
        if hurrying is not None:
            hurrying.cancel()


async def _stop_at_once(servers: Sequence[HttpServer], at_once: asyncio.Event) -> None:
    await at_once.wait()
    for server in servers:
        server.stop_at_once()


@dataclass(frozen=True, slots=True)
class StopSignals:
    """SIGTERM and SIGINT: the first asks for an orderly end, the second for one at once."""

    first: asyncio.Event
    second: asyncio.Event


def stop_signals() -> StopSignals:
    """Listens for both. Call it inside the running loop, once in a process."""
    signals = StopSignals(asyncio.Event(), asyncio.Event())

    def received() -> None:
        (signals.second if signals.first.is_set() else signals.first).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)
    return signals


def stop_event() -> asyncio.Event:
    """For processes that have nothing to drain for long: the first signal alone."""
    return stop_signals().first
