"""A region's application on a real server, with engines that are other processes and a metering database of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from openai import AsyncOpenAI

from domicile.boundary.snapshot import Shard
from domicile.catalogue.catalogue import Catalogue, load_catalogue
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.queue import queued
from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.data_plane.http.app import RegionEndpoints, build_application
from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.http.front import head_gate
from domicile.data_plane.http.health import Health
from domicile.data_plane.http.models import Models
from domicile.data_plane.inference.assembly import assembled
from domicile.data_plane.inference.images import RoomForLinks
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inference.story import Inference
from domicile.data_plane.limits.reservation import Unlimited
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.kernel.geography import country_set
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database
from domicile.settings.engines import EngineSettings
from domicile.settings.fetch_hosts import FetchHost
from domicile.web.server.http_server import HttpServer, bind, serving
from tests.platform.inspectors import inspector_in
from tests.platform.processes import Process, eventually
from tests.unit.data_plane.metering.entries import in_ledger
from tests.unit.data_plane.region_parts import (
    INSTALLATION,
    SetClock,
    current_snapshot,
    database_in,
    key_record,
    new_key,
    organization_record,
    project_record,
    region_settings,
    until,
)

SECRET = new_key()
MODEL = "gpt-4o-2024-08-06"


@cache
def shipped_catalogue() -> Catalogue:
    return load_catalogue()


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

    host: str
    port: int
    router: Router
    snapshots: CurrentSnapshot
    meter: Meter
    database: Database
    http: httpx2.AsyncClient

    def official_client(self) -> AsyncOpenAI:
        """The official client at this region. The caller closes it."""
        return AsyncOpenAI(api_key=SECRET, base_url=f"http://{self.host}:{self.port}/v1", max_retries=0)

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
    salted: frozenset[str] = frozenset(),
    with_snapshot: bool = True,
    fetch_hosts: Sequence[FetchHost] = (),
    preparations: Sequence[Preparation] = (),
    inspector: str = "domicile.apps.inspector",
) -> AsyncIterator[RegionUnderTest]:
    """Serves while the block runs. Every engine counts as healthy until the test or a request says otherwise."""
    clock, snapshots = SetClock(), CurrentSnapshot()
    table = current_snapshot(Shard("eu", 0, (organization_record(),), (project_record(),), (key_record(SECRET),))).table
    if with_snapshot and table is not None:
        snapshots.swap(table)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(database_in(folder, "metering"))
        metering, writer = MeteringRepository(database), new_id("wr_")
        await metering.open_writer(writer, clock.now_ms())
        meter = Meter(metering, snapshots, region="eu", writer=writer, clock=clock, durable=False, report_every_s=0)
        egress = EgressPolicy(country_set(["EEA+CH"]))
        upstreams = [Upstream(engine, egress, vendor_of(engine)) for engine in engines]
        for upstream in upstreams:
            stack.push_async_callback(upstream.close)
        router = Router(engines)
        for engine in engines:
            router.report(engine.name, healthy=True)
        policy = ResidencyPolicy.for_region(region_settings(folder, fetch_hosts=fetch_hosts), shipped_catalogue())
        region_database = await stack.enter_async_context(database_in(folder, "region"))
        authenticator = Authenticator("eu", INSTALLATION, snapshots, clock, Blocks(region_database, clock))
        image_links = ImageLinks(
            region_database, clock, base_url="http://eu.example.com/v1", is_live=authenticator.serves
        )
        inference = assembled(
            Inference(
                policy=policy,
                limits=Unlimited(),
                router=router,
                engines=queued(engines, upstreams, router),
                meter=meter,
                clock=clock,
                salted_engines=salted,
            ),
            policy=policy,
            router=router,
            inspector=inspector_in(folder, stack, inspector),
            preparations=(RoomForLinks(image_links), *preparations),
        )
        application = build_application(
            RegionEndpoints(
                authenticator, Health(snapshots, router), Models(policy, router), inference, image_links, "eu"
            )
        )
        sock = bind("127.0.0.1", 0)
        stack.callback(sock.close)
        host, port = sock.getsockname()
        server = HttpServer(application, sock, head_gate=head_gate(authenticator), drain_s=1)
        await stack.enter_async_context(serving([server]))
        url = f"http://{host}:{port}"
        http = await stack.enter_async_context(
            # Nothing here speaks TLS, and reading the authorities' certificates takes longer than most tests.
            httpx2.AsyncClient(
                base_url=url, headers={"authorization": f"Bearer {SECRET}"}, timeout=10, verify=False, trust_env=False
            )
        )
        yield RegionUnderTest(host, port, router, snapshots, meter, database, http)
