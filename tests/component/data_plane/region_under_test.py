"""A region's application on a real server, with engines that are other processes and a metering database of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI

from domicile.apps.listeners import BoundListener
from domicile.apps.region.foundation import Foundation
from domicile.apps.region.request_path import RequestPath, build_request_path
from domicile.apps.region.serving import build_server
from domicile.boundary.snapshot import Shard
from domicile.catalogue.catalogue import Catalogue
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.operator.metrics import WorkMetrics
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from domicile.settings.engines import EngineSettings
from domicile.settings.fetch_hosts import FetchHost
from domicile.web.observability.http_metrics import HttpMetrics, new_registry
from domicile.web.server.http_server import serving
from tests.platform.inspectors import inspector_in
from tests.platform.processes import Process, eventually
from tests.unit.data_plane.metering.entries import in_ledger
from tests.unit.data_plane.region_parts import (
    SetClock,
    foundation,
    key_record,
    new_key,
    organization_record,
    project_record,
    region_settings,
    snapshot_table,
    until,
)

SECRET = new_key()
MODEL = "gpt-4o-2024-08-06"


@dataclass
class StubEngine:
    """A stub engine in a process of its own."""

    process: Process
    socket: Path

    def get(self, path: str) -> Any:
        transport = httpx2.HTTPTransport(uds=str(self.socket), verify=False)
        with httpx2.Client(transport=transport, base_url="http://engine", trust_env=False) as client:
            return client.get(path).json()

    @property
    def received(self) -> list[dict[str, Any]]:
        """Every request it was sent: headers and body."""
        found: list[dict[str, Any]] = self.get("/requests")
        return found

    @property
    def open(self) -> int:
        """How many requests it is still working on."""
        count: int = self.get("/open")["open"]
        return count

    async def until_open(self, count: int, *, within_s: float = 30.0) -> float:
        """Waits until it works on `count` requests. Returns the seconds that took."""
        began = time.monotonic()
        await until(lambda: self.open == count, within_s=within_s, what=f"{count} open")
        return time.monotonic() - began


@contextmanager
def stub_engine(folder: Path, name: str) -> Iterator[StubEngine]:
    """Started, and stopped after the block."""
    socket = folder / f"{name}.sock"
    process = Process("tests.platform.stub_engine", "--socket", str(socket), log=folder / f"{name}.log").start()
    engine = StubEngine(process, socket)
    try:
        eventually(lambda: engine.get("/health"), what="the stub engine answers")
        yield engine
    finally:
        process.kill()


@dataclass
class RegionUnderTest:
    """What a test needs of it."""

    url: str
    path: RequestPath
    base: Foundation
    http: httpx2.AsyncClient
    secret: str = SECRET
    """The key of `http`."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, for a connection of the test's own."""
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    @property
    def clock(self) -> SetClock:
        """The time of the whole region, to be set."""
        assert isinstance(self.base.clock.machine, SetClock)
        return self.base.clock.machine

    @property
    def router(self) -> Router:
        return self.path.engines.router

    @property
    def snapshots(self) -> CurrentSnapshot:
        return self.base.snapshots

    @property
    def meter(self) -> Meter:
        return self.path.meter

    @property
    def database(self) -> Database:
        """That of the metering."""
        return self.base.storage.metering

    def official_client(self) -> AsyncOpenAI:
        """The official client at this region. The caller closes it."""
        return AsyncOpenAI(api_key=SECRET, base_url=f"{self.url}/v1", max_retries=0)

    async def chat(self, text: str, **members: Any) -> httpx2.Response:
        """POST /v1/chat/completions with one user message."""
        body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **members}
        return await self.http.post("/v1/chat/completions", json=body)

    async def ledger(self, count: int) -> list[Any]:
        """Every entry, once there are `count`."""
        async with asyncio.timeout(30):
            while True:
                await self.meter.flush()
                rows = await in_ledger(self.database)
                assert len(rows) <= count
                if len(rows) == count:
                    return rows
                await asyncio.sleep(0.01)


@asynccontextmanager
async def region_under_test(
    folder: Path,
    engines: Sequence[EngineSettings],
    *,
    with_snapshot: bool = True,
    fetch_hosts: Sequence[FetchHost] = (),
    preparations: Sequence[Preparation] | None = None,
    inspector: str | None = None,
    limits: Mapping[str, int] | None = None,
    requires: frozenset[str] = frozenset(),
    customer_services: Sequence[Mapping[str, Any]] = (),
    catalogue: Catalogue | None = None,
    project: Mapping[str, Any] | None = None,
) -> AsyncIterator[RegionUnderTest]:
    """Serves while the block runs, built as the process builds it.

    Every engine counts as healthy until the test or a request says otherwise. `inspector`: another program in the place of the
    region's. `limits`, `requires`, `customer_services`: the region's settings. `catalogue`: another than the
    shipped one. `project`: members of the project's record.
    """
    settings = region_settings(
        folder,
        engines=tuple(engines),
        fetch_hosts=tuple(fetch_hosts),
        usage={"report_every_s": 0},
        drain={"timeout_s": 1},
        limits=dict(limits or {}),
        requires=requires,
        customer_services=list(customer_services),
    )
    async with AsyncExitStack() as stack:
        base = await foundation(settings, stack, catalogue=catalogue)
        if with_snapshot:
            records = Shard(
                "eu", 0, (organization_record(),), (project_record(**(project or {})),), (key_record(SECRET),)
            )
            base.snapshots.swap(snapshot_table(records))
        registry = new_registry()
        path = await build_request_path(
            base,
            stack,
            observer=WorkMetrics(registry),
            inspector=None if inspector is None else inspector_in(folder, stack, inspector),
            preparations=preparations,
        )
        for engine in engines:
            path.engines.router.report(engine.name, healthy=True)
        listener = BoundListener(settings.listen)
        stack.callback(listener.close)
        server = build_server(settings, listener, path.endpoints, HttpMetrics(registry))
        await stack.enter_async_context(serving([server]))
        http = await stack.enter_async_context(
            # Nothing here speaks TLS, and reading the authorities' certificates takes longer than most tests.
            httpx2.AsyncClient(
                base_url=listener.url,
                headers={"authorization": f"Bearer {SECRET}"},
                timeout=10,
                verify=False,
                trust_env=False,
            )
        )
        yield RegionUnderTest(listener.url, path, base, http)
