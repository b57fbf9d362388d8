"""A thousand clients that take their time: little memory, no delay for others, and none stays for ever."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx2
import msgspec
import pytest

from domicile.web.bodies.receiving import BODY_TIMEOUT_S
from domicile.web.server.protocol import HEAD_TIMEOUT_S
from tests.fuzz.process_figures import descriptors, resident_bytes
from tests.platform.installation import Installation, IssuedKey
from tests.platform.processes import eventually

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-2024-08-06"
HEADS, BODIES, READERS = 450, 450, 100
MEMORY_MAX_BYTES = 50_000_000
BYTE_EVERY_S = 1.0
MEASURED = 40


def chat_request(key: IssuedKey, text: str, *, stream: bool) -> bytes:
    body = msgspec.json.encode({"model": MODEL, "messages": [{"role": "user", "content": text}], "stream": stream})
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key.secret}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Crowd:
    """Slow clients of three kinds, each on a connection of its own."""

    port: int
    key: IssuedKey
    ended: dict[str, int] = field(default_factory=dict)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def gather(self) -> None:
        """Connects all of them. Each has sent something when this returns, and goes on by itself."""
        whole = chat_request(self.key, "do:trickle", stream=True)
        body_starts = whole.index(b"\r\n\r\n") + 4
        kinds: Sequence[tuple[str, int, int]] = (
            ("head", HEADS, 20),
            ("body", BODIES, body_starts),
            ("reader", READERS, len(whole)),
        )
        for kind, count, at_once in kinds:
            self.ended[kind] = 0
            for _ in range(count):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(whole[:at_once])
                rest = whole[at_once:] + b" " * 1000
                client = (
                    self._read(kind, reader, writer) if kind == "reader" else self._send(kind, rest, reader, writer)
                )
                self.tasks.append(asyncio.create_task(client))

    async def leave(self) -> None:
        """All of them go."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _send(self, kind: str, rest: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A byte at a time, and never the last one, until there is an answer."""
        answer = asyncio.create_task(reader.read(4096))
        async with _closing(writer):
            for index in range(len(rest)):
                done, _ = await asyncio.wait({answer}, timeout=BYTE_EVERY_S)
                if done:
                    break
                if index < len(rest) - 1001:
                    writer.write(rest[index : index + 1])
            assert b" 408 " in await answer
            self.ended[kind] += 1

    async def _read(self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A byte at a time."""
        async with _closing(writer):
            while await reader.read(1):
                await asyncio.sleep(BYTE_EVERY_S)
            self.ended[kind] += 1


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()


async def median_latency_s(port: int, key: IssuedKey) -> float:
    """Of a client who is in a hurry."""
    times = []
    headers = {"authorization": f"Bearer {key.secret}"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
        for _ in range(MEASURED):
            started = time.monotonic()
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
            answer = await client.post(CHAT, json=body)
            times.append(time.monotonic() - started)
            assert answer.status_code == 200, answer.text
    return statistics.median(times)


async def crowd_of(installation: Installation, key: IssuedKey, *, until_ended: bool) -> dict[str, int]:
    """A crowd's whole stay. Its memory, and what others feel of it, are checked while it is complete."""
    port = next(region.port for region in installation.regions if region.code == "us")
    pid = installation.processes["region-us"].pid
    before_s = await median_latency_s(port, key)
    memory, files = resident_bytes(pid), descriptors(pid)
    crowd = Crowd(port, key)
    try:
        await crowd.gather()
        beside_s = await median_latency_s(port, key)
        grown = resident_bytes(pid) - memory
        assert descriptors(pid) >= files + HEADS + BODIES + READERS, "all of them are there"
        print(
            f"memory +{grown / 1e6:.1f} MB, median {before_s * 1e3:.1f} ms before, {beside_s * 1e3:.1f} ms beside them"
        )
        assert grown < MEMORY_MAX_BYTES
        # Generous, for a busy machine; a server that serves one after the other would take seconds.
        assert beside_s < 5 * before_s + 0.05
        if until_ended:
            senders = crowd.tasks[: HEADS + BODIES]
            async with asyncio.timeout(max(HEAD_TIMEOUT_S, BODY_TIMEOUT_S) + 30):
                await asyncio.gather(*senders)
            assert resident_bytes(pid) - memory < MEMORY_MAX_BYTES
    finally:
        await crowd.leave()
    await asyncio.to_thread(
        eventually,
        lambda: descriptors(pid) <= files + 2,
        what=f"descriptors come back to {files} of {descriptors(pid)}",
    )
    return crowd.ended


async def test_a_thousand_slow_clients_cost_little_and_delay_nobody(
    installation: Installation, us_key: IssuedKey
) -> None:
    await crowd_of(installation, us_key, until_ended=False)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_thousand_slow_clients_are_ended_by_their_deadlines(
    installation: Installation, us_key: IssuedKey
) -> None:
    ended = await crowd_of(installation, us_key, until_ended=True)
    assert (ended["head"], ended["body"]) == (HEADS, BODIES)


# How long it is watched that nothing more flows to a reader who has stopped.
STILL_S = 1.0
IN_BUFFERS_MAX_BYTES = 24 * 1024 * 1024


def test_a_stream_that_nobody_reads_holds_its_engine_back(installation: Installation, us_key: IssuedKey) -> None:
    """The engine can send only what fits into the buffers between it and the reader: the region keeps nearly nothing."""
    port = next(region.port for region in installation.regions if region.code == "us")
    pid = installation.processes["region-us"].pid
    memory = resident_bytes(pid)

    async def stall() -> int:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        async with _closing(writer):
            # asyncio's own reader stops at 128 KiB; the kernel takes some megabytes more.
            writer.write(chat_request(us_key, "do:flood", stream=True))
            return await asyncio.to_thread(settled)

    def settled() -> int:
        with installation.engine("us") as engine:
            flooded = [0]

            def is_still() -> bool:
                flooded.append(engine.get("/flooded").json())
                time.sleep(STILL_S)
                return flooded[-1] > 0 and engine.get("/flooded").json() == flooded[-1]

            eventually(is_still, within_s=30, what="the engine is held back")
            return flooded[-1]

    flooded = asyncio.run(stall())
    assert 0 < flooded < IN_BUFFERS_MAX_BYTES
    assert resident_bytes(pid) - memory < 10_000_000
    with installation.engine("us") as engine:
        assert engine.get("/left").json()["open"] == 0, "the engine stops as soon as the reader has gone"
