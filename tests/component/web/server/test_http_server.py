"""Listening and stopping: what is in flight ends first, and nothing runs after the end."""

import asyncio
import json
import socket
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domicile.web.application import Application
from domicile.web.server import http_server
from domicile.web.server.http_server import HttpServer, bind, bind_unix, serving
from domicile.web.server.protocol import HEAD_TIMEOUT_S
from tests.component.web.live_server import DEADLINE_S, LOOPS, RecordingApplication, live_server


class Slow:
    """An endpoint that takes as long as the test wants, and some time to clean up when it is cut off."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.release = asyncio.Event()
        self.cleaned_up = False
        self.application = Application([Route("/slow", self.answer)])

    async def answer(self, _request: Request) -> Response:
        self.entered.set()
        try:
            await self.release.wait()
        finally:
            # A real one closes its engine's stream and meters what was used.
            for _ in range(50):
                await asyncio.sleep(0.001)
            self.cleaned_up = True
        return JSONResponse({"slow": True})


@asynccontextmanager
async def asked(slow: Slow, drain_s: float) -> AsyncIterator[tuple[HttpServer, "asyncio.Task[None]", str]]:
    """A server with one request in flight. Yields it, its running and its URL."""
    with bind("127.0.0.1", 0) as sock:
        url = "http://{}:{}/slow".format(*sock.getsockname())
        server = HttpServer(slow.application, sock, drain_s=drain_s)
        running = asyncio.create_task(server.run())
        try:
            yield server, running, url
        finally:
            server.stop()
            await asyncio.wait_for(running, 10)


async def test_a_request_in_flight_ends_before_the_server_does_and_no_new_one_comes_in() -> None:
    slow = Slow()
    async with asked(slow, 60) as (server, running, url), httpx2.AsyncClient(timeout=10) as client:
        answer = asyncio.create_task(client.get(url))
        await asyncio.wait_for(slow.entered.wait(), 30)
        server.stop()
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection(*url.removeprefix("http://").split("/")[0].split(":"))
                except ConnectionError:
                    # Refused; or reset, when it lay in the queue of a listener that was being closed.
                    break
                writer.close()
                await asyncio.sleep(0.01)
        assert not running.done()
        slow.release.set()
        assert (await answer).json() == {"slow": True}
        await asyncio.wait_for(running, 30)


async def test_what_outlives_the_drain_is_cut_off_and_has_ended_when_the_server_has() -> None:
    slow = Slow()
    async with asked(slow, 1) as (server, running, url), httpx2.AsyncClient(timeout=10) as client:
        answer = asyncio.create_task(client.get(url))
        await asyncio.wait_for(slow.entered.wait(), 30)
        server.stop()
        await asyncio.wait_for(running, 10)
        assert slow.cleaned_up
        assert (await answer).status_code == 503


async def test_many_servers_share_a_loop_and_end_together() -> None:
    slow = Slow()
    slow.release.set()
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", 0) as two:
        async with (
            serving([HttpServer(slow.application, one), HttpServer(slow.application, two)]),
            httpx2.AsyncClient() as client,
        ):
            for sock in (one, two):
                answer = await client.get("http://{}:{}/slow".format(*sock.getsockname()))
                assert answer.status_code == 200


def test_a_port_that_is_taken_is_an_error() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        bind("127.0.0.1", taken.getsockname()[1])


def test_a_unix_socket_is_its_users_alone_and_replaces_a_left_over(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    bind_unix(path).close()
    assert path.exists()
    with bind_unix(path), socket.socket(socket.AF_UNIX) as client:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        client.connect(str(path))


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("drip", [b"", b"\r\n"], ids=["silent", "line-ends"])
def test_a_connection_that_asks_nothing_more_is_closed(loop: str, drip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "KEEP_ALIVE_S", 0.3)
    with live_server(RecordingApplication().asgi, loop) as live, live.connect() as connection:
        connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.answer().status == 200
        deadline = time.monotonic() + DEADLINE_S
        connection.socket.settimeout(0.05)
        while time.monotonic() < deadline:
            try:
                connection.send(drip)
                assert connection.rest() == b""
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return
        pytest.fail("the connection stays open")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_request_outlasts_what_silence_is_allowed(loop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose head was half there when the answer before it ended, which starts the clock of silence."""
    monkeypatch.setattr(http_server, "KEEP_ALIVE_S", 2.0)
    recording = RecordingApplication()
    with live_server(recording.asgi, loop) as live, live.connect() as connection:
        connection.send(b"GET /hello HTTP/1.1\r\nHost: h\r\n\r\nGET /held HT")
        assert connection.answer().status == 200
        connection.send(b"TP/1.1\r\nHost: h\r\n\r\n")
        assert recording.held.wait(DEADLINE_S)
        # Longer than a silent connection would have lasted: there is nothing to wait for but the time itself.
        time.sleep(2.5)
        live.call(recording.release.set)
        assert json.loads(connection.answer().body) == {"held": True}


def test_silence_is_allowed_for_half_a_minute() -> None:
    assert http_server.KEEP_ALIVE_S <= 30
    assert HEAD_TIMEOUT_S <= 30
