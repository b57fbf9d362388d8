"""Engines of a region that die under load: one, and nobody notices; all, and callers are told so, and nothing else is tried."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.platform.installation import Installation, IssuedKey, RegionBlock
from tests.platform.processes import Process, free_ports

CALLERS = 8


@dataclass
class TwoEngines(Installation):
    """Region eu has two engines of one group, over TCP; its process writes down where it connects to."""

    ports: list[int] = field(default_factory=lambda: free_ports(2))

    def _region_block(self, region: RegionBlock) -> str:
        block = super()._region_block(region)
        if region.code != "eu":
            return block
        head, separator, engine = block.partition("[[regions.engines]]")
        engines = [
            engine.replace('name = "stub"', f'name = "stub-{port}"\nequivalence_group = "stubs"').replace(
                'socket = "eu/engine.sock"', f'url = "http://127.0.0.1:{port}"'
            )
            for port in self.ports
        ]
        return head + separator + f"\n{separator}".join(engines)

    def start_engine(self, code: str) -> None:
        if code != "eu":
            super().start_engine(code)
            return
        (self.folder / code).mkdir(exist_ok=True)
        for port in self.ports:
            self._start(f"engine-{port}", "tests.platform.stub_engine", "--port", str(port))

    def start_region(self, code: str) -> None:
        if code == "eu" and "region-eu" not in self.processes:
            arguments = ("--config", str(self.config), "--region", "eu", "--log-level", self.log_level)
            self.processes["region-eu"] = Process(
                "tests.platform.recorded_region",
                str(self.folder / "connects"),
                *arguments,
                log=self.folder / "logs" / "region-eu.log",
            )
        super().start_region(code)

    def connected(self) -> set[int]:
        """The ports that region eu has connected to. Fails when it was anything but a port of this machine."""
        found = set()
        for line in (self.folder / "connects").read_text().splitlines():
            event, address = json.loads(line)
            assert (event, address[0]) == ("socket.connect", "127.0.0.1"), line
            found.add(address[1])
        return found


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoEngines]:
    running = TwoEngines(tmp_path_factory.mktemp("two-engines"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def key(installation: TwoEngines) -> IssuedKey:
    return installation.new_key("eu")


@dataclass
class Load:
    """Callers who ask without a pause, every other time for a stream."""

    client: httpx2.AsyncClient
    answered: int = 0
    refused: list[str] = field(default_factory=list)
    broken_off: int = 0
    stop: bool = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(CALLERS):
                group.create_task(self._ask_on(stream=number % 2 == 0))

    async def _ask_on(self, *, stream: bool) -> None:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "do:slow"}], "stream": stream}
        while not self.stop:
            answer = await self.client.post("/v1/chat/completions", json=body)
            if answer.status_code != 200:
                self.refused.append(answer.text)
            elif stream and not answer.text.rstrip().endswith("[DONE]"):
                self.broken_off += 1
            else:
                self.answered += 1

    async def until_answered(self, count: int) -> None:
        goal = self.answered + count
        async with asyncio.timeout(30):
            while self.answered < goal:
                await asyncio.sleep(0.02)


@pytest.mark.contract("C05")
@pytest.mark.contract("C08")
async def test_one_engine_dies_then_the_other(installation: TwoEngines, key: IssuedKey) -> None:
    async with httpx2.AsyncClient(
        base_url=installation.region_url("eu"), headers={"authorization": f"Bearer {key.secret}"}, timeout=60
    ) as client:
        load = Load(client)
        running = asyncio.create_task(load.run())
        await load.until_answered(5 * CALLERS)
        first, second = (installation.processes[f"engine-{port}"] for port in installation.ports)
        first.kill()
        await load.until_answered(5 * CALLERS)
        load.stop = True
        await running
        assert load.refused == []
        # Nothing of a stream is said before its first event, so only those that were past it have broken off.
        assert load.broken_off <= CALLERS // 2
        assert installation.connected() >= {*installation.ports, installation.boundary_port}

        second.kill()
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        for stream in (False, True, False):
            answer = await client.post("/v1/chat/completions", json={**body, "stream": stream})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_unavailable")
            assert answer.headers["retry-after"] == "1"
        # The other region's engine was well all the while, and nobody has tried to reach it, or anything else.
        assert installation.connected() == {*installation.ports, installation.boundary_port}
        with installation.engine("us") as engine:
            assert engine.get("/requests").json() == []
