"""What batches do: how fast they are, what interactive requests notice of them, and what 50,000 lines cost a region.

python -m bench.batches runs these alone.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from tests.platform.installation import Installation
from tests.platform.processes import eventually

from bench.memory import peak

MIB = 1024 * 1024
MODEL = "gpt-4o-2024-08-06"
AT_ONCE = 16
LINE_MS = 50
LINES = 6_000
LARGE = 50_000
ROUNDS = 3
BURSTS = 60
BURST_OF, BURST_EVERY_S, REQUEST_MS = 10, 0.25, 100
IDLE_S = 3.0
BESIDE_MS = (3_000, 10)
"""Lines that hold their places for long, which "what is free" fails at (docs/jobs.md), and lines that keep the region busy."""
_ENDED = frozenset({"completed", "failed", "cancelled", "expired"})
_CHAT = "/v1/chat/completions"


def batches(folder: Path) -> None:
    """Prints all figures. `folder` does not exist yet."""
    share_of_lines = f"max_concurrency = {4 * AT_ONCE}"
    with _running(folder / "alone", share_of_lines) as region:
        throughput(region)
        large_batch(region)
        cancellation(region)
    with _running(folder / "beside", "max_concurrency = 16") as region:
        for line_ms in BESIDE_MS:
            beside_interactive(region, line_ms)


def throughput(region: "Region") -> None:
    """A batch from its creation to its end, against the engine alone, in turns."""
    print(f"\nA batch of {LINES} lines of {LINE_MS} ms, {AT_ONCE} at once")
    file_id, rounds = region.upload(LINES, f"do:wait-{LINE_MS}"), []
    for _ in range(ROUNDS):
        direct = asyncio.run(_drive(region.socket, LINES, f"do:wait-{LINE_MS}"))
        began = time.perf_counter()
        region.until_ended(region.create(file_id))
        rounds.append((LINES / direct, LINES / (time.perf_counter() - began)))
    engine, batch = (statistics.median(side) for side in zip(*rounds, strict=True))
    print(f"engine {engine:6.1f} lines/s   batch {batch:6.1f} lines/s   {batch / engine:4.0%}")


def large_batch(region: "Region") -> None:
    """Memory and processor time of the region through whole batches, on an engine that answers at once."""
    print("\nA whole batch, on an engine that answers at once")
    for lines in (LARGE // 10, LARGE):
        file_id = region.upload(lines, "hello")
        with peak(region.pid) as memory:
            used, began = _processor_s(region.pid), time.perf_counter()
            batch = region.until_ended(region.create(file_id))
            took, used = time.perf_counter() - began, _processor_s(region.pid) - used
        if batch["request_counts"] != {"total": lines, "completed": lines, "failed": 0}:
            raise RuntimeError(f"not all lines completed: {batch['request_counts']}")
        grown = memory.grown_bytes() / MIB
        print(
            f"{lines:6} lines   {took:3.0f} s, {used:3.0f} CPU-s   memory of the region grew by at most {grown:.0f} MiB"
        )


def cancellation(region: "Region") -> None:
    """How long it takes until the error file names every line, and how long the loop answers nothing meanwhile."""
    print(f"\nThe cancellation of {LARGE} lines")
    file_id, figures = region.upload(LARGE, f"do:wait-{LINE_MS}"), []
    for _ in range(ROUNDS):
        idle = region.longest_answer_s(_after(IDLE_S))
        batch_id = region.create(file_id)
        eventually(lambda at=batch_id: region.batch(at)["request_counts"]["completed"] > 0, within_s=60)  # type: ignore[misc]
        used, began = _processor_s(region.pid), time.perf_counter()
        region.http.post(f"/v1/batches/{batch_id}/cancel").raise_for_status()
        answered = time.perf_counter() - began
        longest = region.longest_answer_s(partial(region.has_ended, batch_id))
        took = time.perf_counter() - began
        figures.append((answered, took, _processor_s(region.pid) - used, longest, idle))
    answered, took, used, longest, idle = (statistics.median(side) for side in zip(*figures, strict=True))
    print(f"answered in {answered * 1000:.0f} ms, cancelled in {took:.1f} s, {used:.1f} CPU-s")
    print(f"longest answer of /healthz meanwhile {longest * 1000:.0f} ms, while idle {idle * 1000:.0f} ms")


def beside_interactive(region: "Region", line_ms: int) -> None:
    """Interactive requests in bursts, without and with a batch of such lines, in turns."""
    print(f"\nInteractive requests of {REQUEST_MS} ms in bursts of {BURST_OF}, 16 places; lines of {line_ms} ms")
    file_id, alone, beside = region.upload(4 * LINES, f"do:wait-{line_ms}"), [], []
    for _ in range(ROUNDS):
        alone.append(asyncio.run(_bursts(region)))
        batch_id = region.create(file_id)
        eventually(lambda at=batch_id: region.batch(at)["request_counts"]["total"] > 0, within_s=60)  # type: ignore[misc]
        beside.append(asyncio.run(_bursts(region)))
        region.http.post(f"/v1/batches/{batch_id}/cancel").raise_for_status()
        region.until_ended(batch_id)
    without, with_lines = (statistics.median(each) for each in (alone, beside))
    print(f"p99 alone {without:.0f} ms   beside lines {with_lines:.0f} ms   {with_lines / without:.2f} times")


@dataclass(frozen=True, slots=True)
class Region:
    """A region that runs, and a client of it."""

    http: httpx2.Client
    pid: int
    socket: Path
    url: str
    headers: dict[str, str]

    def upload(self, lines: int, text: str) -> str:
        """The id of a new input file."""
        request = {"method": "POST", "url": _CHAT, "body": chat_body(text)}
        content = b"".join(
            json.dumps({"custom_id": f"line-{number}", **request}).encode() + b"\n" for number in range(lines)
        )
        form: dict[str, Any] = {"data": {"purpose": "batch"}, "files": {"file": ("in.jsonl", content)}}
        return str(self.http.post("/v1/files", **form).raise_for_status().json()["id"])

    def create(self, file_id: str) -> str:
        """The id of a new batch."""
        body = {"input_file_id": file_id, "endpoint": _CHAT, "completion_window": "24h"}
        return str(self.http.post("/v1/batches", json=body).raise_for_status().json()["id"])

    def batch(self, batch_id: str) -> dict[str, Any]:
        """The batch as it is now."""
        answer: dict[str, Any] = self.http.get(f"/v1/batches/{batch_id}").raise_for_status().json()
        return answer

    def until_ended(self, batch_id: str) -> dict[str, Any]:
        """The batch, once it has ended."""
        while not self.has_ended(batch_id):
            time.sleep(0.05)
        return self.batch(batch_id)

    def has_ended(self, batch_id: str) -> bool:
        """Whether the batch has a final status."""
        return self.batch(batch_id)["status"] in _ENDED

    def longest_answer_s(self, is_over: Callable[[], bool]) -> float:
        """The longest that `/healthz` has taken until then: it waits for nothing but the event loop."""
        longest, looked_at = 0.0, 0.0
        while True:
            began = time.perf_counter()
            self.http.get("/healthz")
            longest = max(longest, time.perf_counter() - began)
            time.sleep(0.005)
            if began - looked_at > 0.1:
                looked_at = began
                if is_over():
                    return longest


@contextmanager
def _running(folder: Path, engine: str) -> Iterator[Region]:
    extra = {"eu": f"batches.lines_at_once = {AT_ONCE}"}
    installation = Installation(folder, log_level="warning", engine_extra=engine, region_extra=extra)
    try:
        installation.start()
        headers = {"authorization": f"Bearer {installation.new_key('eu').secret}"}
        url = installation.region_url("eu")
        with httpx2.Client(base_url=url, headers=headers, timeout=300) as client:
            pid = installation.processes["region-eu"].pid
            yield Region(client, pid, folder / "eu" / "engine.sock", url, headers)
    finally:
        installation.stop()


async def _drive(socket: Path, lines: int, text: str) -> float:
    """Seconds for so many requests to the engine itself, `AT_ONCE` at a time."""
    transport = httpx2.AsyncHTTPTransport(uds=str(socket))
    left = iter(range(lines))
    async with httpx2.AsyncClient(transport=transport, base_url="http://engine", timeout=60) as client:

        async def one_after_another() -> None:
            for _ in left:
                (await client.post(_CHAT, json={**chat_body(text), "model": "stub"})).raise_for_status()

        began = time.perf_counter()
        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        return time.perf_counter() - began


async def _bursts(region: Region) -> float:
    """The p99 of interactive requests, in milliseconds."""
    took: list[float] = []
    async with httpx2.AsyncClient(base_url=region.url, headers=region.headers, timeout=60) as client:

        async def ask() -> None:
            began = time.perf_counter()
            (await client.post(_CHAT, json=chat_body(f"do:wait-{REQUEST_MS}"))).raise_for_status()
            took.append((time.perf_counter() - began) * 1000)

        asked = []
        for _ in range(BURSTS):
            asked += [asyncio.create_task(ask()) for _ in range(BURST_OF)]
            await asyncio.sleep(BURST_EVERY_S)
        await asyncio.gather(*asked)
    return statistics.quantiles(took, n=100)[98]


def _after(seconds: float) -> Callable[[], bool]:
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def chat_body(text: str) -> dict[str, Any]:
    """A request of one message."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}


def _processor_s(pid: int) -> float:
    """Processor time of a process, in seconds."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="domicile-bench-") as place:
        batches(Path(place) / "batches")
