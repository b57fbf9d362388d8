"""An engine over HTTP: when its answer counts as begun, and what becomes of one that breaks off."""

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.port import (
    EngineBusyError,
    EngineCall,
    EngineFailedError,
    EngineRequest,
    EngineUnreachedError,
)
from domicile.data_plane.engines.upstream import ProbeResult, Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.kernel.errors import DomicileError
from domicile.kernel.geography import country_set
from domicile.settings.engines import EngineSettings
from tests.unit.data_plane.region_parts import PROJECT, engine_settings

MULTIPART = EngineCall(
    Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"--b\r\n", "multipart/form-data; boundary=b")
)
CALL = EngineCall(Endpoint.CHAT_COMPLETIONS, "model", PROJECT, EngineRequest(b"{}"))


@dataclass
class Server:
    """Writes what the test says, and then does what it says."""

    parts: tuple[bytes, ...] = ()
    then: str = "end"
    url: str = ""
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)
    tenants: list[str | None] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.headers["accept"], request.headers["content-type"], await request.read()))
        self.tenants.append(request.headers.get("domicile-tenant"))
        response = web.StreamResponse()
        await response.prepare(request)
        for part in self.parts:
            await response.write(part)
        if self.then == "break":
            assert request.transport is not None
            request.transport.abort()
        if self.then == "wait":
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        return response


@asynccontextmanager
async def engine(*parts: bytes, then: str = "end", **members: Any) -> AsyncIterator[tuple[Server, Upstream]]:
    server = Server(parts, then)
    application = web.Application()
    application.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = "http://{}:{}".format(*runner.addresses[0][:2])
    settings = engine_settings(url=server.url, **members)
    upstream = upstream_of(settings)
    try:
        yield server, upstream
    finally:
        await upstream.close()
        await runner.cleanup()


def upstream_of(settings: EngineSettings) -> Upstream:
    return Upstream(settings, EgressPolicy(country_set(["DE"])), vendor_of(settings))


async def test_bytes_come_as_they_are_under_the_media_type_of_what_was_sent() -> None:
    async with engine(b"\x00\xff", b"data: [DONE]\n\n", b"\n") as (server, upstream):
        parts = [part async for part in await upstream.stream_bytes(MULTIPART)]
    assert b"".join(parts) == b"\x00\xffdata: [DONE]\n\n\n"
    assert server.seen == [("*/*", "multipart/form-data; boundary=b", b"--b\r\n")]


@pytest.mark.parametrize("embedded", [True, False])
async def test_only_the_engine_that_ships_is_told_whose_turn_it_is(tmp_path: Path, embedded: bool) -> None:
    server = Server((b"{}",))
    application = web.Application()
    application.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.UnixSite(runner, tmp_path / "e.sock").start()
    settings = engine_settings(socket=tmp_path / "e.sock", embedded=embedded)
    upstream = upstream_of(settings)
    try:
        await upstream.complete(MULTIPART)
    finally:
        await upstream.close()
        await runner.cleanup()
    assert server.tenants == [PROJECT if embedded else None]


async def test_without_a_descriptor_nothing_is_said_of_the_engine() -> None:
    async with engine(b"{}") as (server, upstream):
        with no_descriptor_left():
            assert await upstream.probe() is ProbeResult.SILENT
            with pytest.raises(EngineBusyError):
                await upstream.complete(CALL)
        assert server.seen == []
        assert await upstream.complete(CALL) == b"{}"


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("kind", ["stream", "stream_bytes"])
async def test_until_the_first_byte_another_engine_may_be_asked(kind: str) -> None:
    async with engine(then="break") as (_server, upstream):
        with pytest.raises(EngineFailedError):
            await getattr(upstream, kind)(CALL)


async def test_a_stream_of_events_without_an_event_or_an_end_has_failed() -> None:
    for parts in ((), (b": comment\n\n",)):
        async with engine(*parts) as (_server, upstream):
            with pytest.raises(EngineFailedError):
                await upstream.stream(CALL)


@pytest.mark.parametrize("kind", ["stream", "stream_bytes"])
async def test_after_it_a_break_is_an_error(kind: str) -> None:
    async with engine(b"data: {}\n\n", then="break") as (_server, upstream):
        parts = await getattr(upstream, kind)(CALL)
        with pytest.raises(DomicileError, match="engine_unavailable"):
            assert [part async for part in parts] == []


@pytest.mark.parametrize("kind", ["stream", "stream_bytes"])
async def test_the_first_byte_and_each_next_have_limits_of_their_own(kind: str) -> None:
    async with engine(then="wait", first_byte_timeout_s=0.1) as (server, upstream):
        with pytest.raises(DomicileError, match="engine_timeout"):
            await getattr(upstream, kind)(CALL)
        await asyncio.wait_for(server.left.wait(), 30)
    async with engine(b"data: {}\n\n", then="wait", idle_timeout_s=0.1) as (server, upstream):
        parts = await getattr(upstream, kind)(CALL)
        with pytest.raises(DomicileError, match="engine_timeout"):
            [part async for part in parts]
        await asyncio.wait_for(server.left.wait(), 30)


@pytest.mark.parametrize("kind", ["stream", "stream_bytes"])
async def test_whoever_closes_it_unread_ends_the_engines_work(kind: str) -> None:
    async with engine(b"data: {}\n\n", then="wait") as (server, upstream):
        parts = await getattr(upstream, kind)(CALL)
        await parts.aclose()
        await asyncio.wait_for(server.left.wait(), 30)


async def test_whoever_leaves_before_the_first_byte_does_too() -> None:
    async with engine(then="wait") as (server, upstream):
        waiting = asyncio.create_task(upstream.stream(CALL))
        async with asyncio.timeout(30):
            while not server.seen:
                await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.wait_for(server.left.wait(), 30)


async def test_nobody_there_is_told_apart_from_somebody_who_fails() -> None:
    settings = engine_settings(socket="/nowhere/engine.sock")
    upstream = upstream_of(settings)
    with pytest.raises(EngineUnreachedError):
        await upstream.complete(CALL)
    await upstream.close()
