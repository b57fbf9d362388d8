"""Listeners: bind sockets, serve any number of applications on one event loop, and stop all of them gracefully."""

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
# Seconds for which a connection may be idle between two requests. The same as before the first (HEAD_TIMEOUT_S).
KEEP_ALIVE_S = 30
CANCEL_S = 5.0


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Port 0 takes a free port, which `getsockname` returns. Raises OSError for a port in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is IPPROTO_TCP. Otherwise an answer of two writes takes 40 ms.
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
    """A listening Unix socket that only this user can reach. Replaces an existing file, as left by a killed process."""
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
    """uvicorn's server without its signal handling, which expects one server in a process and exits by the signal."""

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
        """`certificate`: serve TLS only. `trusted_proxies`: accept connections only from them.

        `drain_s`: seconds that running requests may take after `stop`. `on_refusal`: called with each refusal that the
        protocol sends itself; the application never sees those requests. `refusal_headers`: added to these refusals.
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
                # Starlette and uvicorn type the same ASGI interface differently.
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
        """Serve until `stop`, then drain and wait for the end of cancelled requests, so that all are metered."""
        await self._server.serve(sockets=[self._socket])
        # uvicorn cancels requests that outlive the drain, but does not wait for their end.
        if self._server.server_state.tasks:
            if self._server.force_exit:
                for task in self._server.server_state.tasks:
                    task.cancel()
            await asyncio.wait(self._server.server_state.tasks, timeout=CANCEL_S)

    def stop(self) -> None:
        """Accept no more requests. `run` returns when the running ones have ended or `drain_s` is over."""
        self._server.should_exit = True

    def stop_at_once(self) -> None:
        """Like `stop`, but cancel the running requests. Each still ends in order, so it is metered."""
        self._server.should_exit = True
        self._server.force_exit = True


def _in_clear(http: type[LimitedHttpProtocol], buffer: ReceiveBuffer) -> Any:
    """The factory of connections without TLS, for uvicorn's configuration."""

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
    """The factory of connections with TLS, for uvicorn's configuration."""

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
    """Serve all `servers` while the block runs, then drain them. When `at_once` is set, cancel their requests instead."""
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
    """Events for SIGTERM and SIGINT. The first signal asks for a graceful stop, the second for an immediate one."""

    first: asyncio.Event
    second: asyncio.Event


def stop_signals() -> StopSignals:
    """Install handlers for SIGTERM and SIGINT. Call it inside the running loop, once in a process."""
    signals = StopSignals(asyncio.Event(), asyncio.Event())

    def received() -> None:
        (signals.second if signals.first.is_set() else signals.first).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received)
    return signals


def stop_event() -> asyncio.Event:
    """The event of the first signal, for processes without long requests. Call it like `stop_signals`."""
    return stop_signals().first
