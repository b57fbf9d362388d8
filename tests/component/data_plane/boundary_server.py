"""A small real control plane's boundary listener: it verifies who calls, keeps what it is told, and says what a test wants."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from domicile.boundary import protocol, signing
from domicile.boundary.snapshot import SignedManifest, SnapshotQuery
from domicile.boundary.usage import Received
from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.identity import Identity
from tests.unit.data_plane.region_parts import SetClock

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
REPLICA = "rep_" + "R" * 24


def answers(status: int, body: bytes = b"", **headers: str) -> Answer:
    """Always the same."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return answer


def envelope(code: str) -> bytes:
    return b'{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"%s"}}' % code.encode()


async def hangs_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def breaks_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "1000"})
    await response.prepare(request)
    await response.write(b"{")
    assert request.transport is not None
    request.transport.abort()
    return response


@dataclass
class BoundaryServer:
    """`script`: what the next calls of a kind are answered; when it is empty, a poll waits and a report is received."""

    region_key: Ed25519PrivateKey
    url: str = ""
    shards: dict[str, bytes] = field(default_factory=dict)
    polls: list[SnapshotQuery] = field(default_factory=list)
    fetched: list[str] = field(default_factory=list)
    reports: list[tuple[str, bytes]] = field(default_factory=list)
    counted: set[bytes] = field(default_factory=set)
    _script: deque[Answer] = field(default_factory=deque)
    _report_script: deque[Answer] = field(default_factory=deque)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, *script: Answer | SignedManifest) -> None:
        """What the next polls are answered."""
        for item in script:
            self._script.append(answers(200, msgspec.json.encode(item)) if isinstance(item, SignedManifest) else item)
        self._news.set()

    def answer_reports(self, *script: Answer) -> None:
        """What the next reports are answered."""
        self._report_script.extend(script)

    @property
    def is_waiting(self) -> bool:
        """Whether everything that was offered has been taken."""
        return not self._script

    async def poll(self, request: web.Request) -> web.StreamResponse:
        self.polls.append(msgspec.json.decode(await self._verified(request), type=SnapshotQuery))
        while not self._script:
            self._news.clear()
            await self._news.wait()
        return await self._script.popleft()(request)

    async def shard(self, request: web.Request) -> web.StreamResponse:
        await self._verified(request)
        name = request.match_info["sha256"]
        self.fetched.append(name)
        if name not in self.shards:
            return web.Response(status=404, body=envelope("not_found"))
        return web.Response(body=self.shards[name])

    async def report(self, request: web.Request) -> web.StreamResponse:
        body = await self._verified(request)
        self.reports.append((request.path, body))
        if self._report_script:
            return await self._report_script.popleft()(request)
        new = body not in self.counted
        self.counted.add(body)
        return web.Response(body=msgspec.json.encode(Received(new)))

    async def _verified(self, request: web.Request) -> bytes:
        body = await request.read()
        signing.verify_request(
            signing.public_key_bytes(self.region_key),
            region="eu",
            replica=REPLICA,
            method=request.method,
            target=request.path,
            timestamp_ms=int(request.headers[signing.TIMESTAMP_HEADER]),
            signature=request.headers[signing.SIGNATURE_HEADER],
            body=body,
            now_ms=int(request.headers[signing.TIMESTAMP_HEADER]),
        )
        return body


@asynccontextmanager
async def boundary_server() -> AsyncIterator[tuple[BoundaryServer, ControlLink]]:
    """The server, and a region's link to it."""
    server = BoundaryServer(Ed25519PrivateKey.generate())
    application = web.Application()
    application.router.add_post(protocol.SNAPSHOT, server.poll)
    application.router.add_get(protocol.SHARD + "/{sha256}", server.shard)
    application.router.add_post(protocol.USAGE, server.report)
    application.router.add_post(protocol.AUDIT, server.report)
    application.router.add_post(protocol.SERVICE_LEVELS, server.report)
    # A poll whose region has gone must not take what the next one is to be told.
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}"
    link = ControlLink(server.url, "US", Identity("eu", server.region_key, None), REPLICA, SetClock())
    try:
        yield server, link
    finally:
        await link.close()
        await runner.cleanup()
