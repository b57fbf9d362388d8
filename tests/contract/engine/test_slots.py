"""Slots under load: freed when a client leaves, bounded, and never a bridge between tenants."""

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.contract.engine.conftest import ENDLESS, MODEL, EngineProcess

_SLOTS = 4


def _body(text: str, **members: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **members}


def _cached(engine: EngineProcess, **members: Any) -> int:
    usage = engine.chat("The same long question, word for word. " * 4, max_tokens=1, **members).json()["usage"]
    return int(usage["prompt_tokens_details"]["cached_tokens"])


def test_a_prompt_is_cached_for_its_own_tenant_only(engine: EngineProcess) -> None:
    assert _cached(engine, cache_salt="tenant-a") == 0
    assert _cached(engine, cache_salt="tenant-a") > 40
    assert _cached(engine, cache_salt="tenant-b") == 0
    assert _cached(engine) == 0
    assert _cached(engine) == 0
    assert _cached(engine, cache_salt="") == 0
    for number in range(_SLOTS + 1):
        assert _cached(engine, cache_salt=f"stranger-{number}") == 0


async def _all_slots_are_taken(client: httpx2.AsyncClient) -> None:
    """Until a request that takes a moment is not answered within seconds."""
    with pytest.raises(TimeoutError):
        while True:
            await asyncio.wait_for(client.post("/v1/chat/completions", json=_body("Hi", max_tokens=1)), 2)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
async def test_a_client_that_leaves_frees_its_slot(engine: EngineProcess, stream: bool) -> None:
    """Each answer would take far longer than the test waits, so the slots can only be free by cancellation."""
    async with engine.asynchronous() as client:
        body = _body("A story.", max_tokens=1900, response_format=ENDLESS, stream=stream, n=_SLOTS)
        left = asyncio.create_task(client.post("/v1/chat/completions", json=body))
        await _all_slots_are_taken(client)
        left.cancel()
        await asyncio.gather(left, return_exceptions=True)
        begun = time.monotonic()
        answer = await client.post("/v1/chat/completions", json=_body("Hi", max_tokens=1))
        assert answer.status_code == 200
        assert time.monotonic() - begun < 60


async def test_a_short_request_does_not_wait_for_a_long_prompt(engine: EngineProcess) -> None:
    async with engine.asynchronous() as client:
        long = asyncio.create_task(
            client.post("/v1/chat/completions", json=_body("word " * 600, max_tokens=1, temperature=0))
        )
        answer = await client.post("/v1/chat/completions", json=_body("Hi", max_tokens=1))
        assert answer.status_code == 200
        assert not long.done()
        assert (await long).status_code == 200


async def test_a_stream_goes_on_beside_a_long_prompt(engine: EngineProcess) -> None:
    """Counted, not timed: beside a piece of 64 tokens an answer gets on by one or two, so it needs time of its own."""
    async with engine.asynchronous() as client:
        body = _body("A story.", max_tokens=5000, response_format=ENDLESS, stream=True)
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            events = answer.aiter_lines()
            await anext(events)
            prompt = "word " * 1500
            long = asyncio.create_task(client.post("/v1/chat/completions", json=_body(prompt, max_tokens=1)))
            pieces = 0
            while not long.done():
                pieces += bool(await anext(events))
        assert (await long).status_code == 200
    assert pieces > 200


async def test_a_full_queue_says_when_to_come_back(engine: EngineProcess) -> None:
    async with engine.asynchronous() as client:
        body = _body("A story.", max_tokens=1900, response_format=ENDLESS, n=8)
        asked = [asyncio.create_task(client.post("/v1/chat/completions", json=body)) for _ in range(12)]
        done, waiting = await asyncio.wait(asked, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    refused = next(iter(done)).result()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


def test_llama_cpps_own_server_is_out_of_reach(engine: EngineProcess) -> None:
    private = engine.socket.with_name(engine.socket.name + ".d")
    assert private.stat().st_mode & 0o777 == 0o700
    assert engine.socket.stat().st_mode & 0o777 == 0o600
    (own,) = private.iterdir()
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(own)), base_url="http://llama") as client:
        for path in ("/slots", "/props", "/lora-adapters", "/metrics", "/v1/models"):
            assert client.get(path).status_code == 401
        assert client.post("/completion", json={"prompt": "x", "n_predict": 1}).status_code == 401


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="reads Linux's list of sockets")
def test_the_process_opens_no_port(engine: EngineProcess) -> None:
    process = Path("/proc") / str(engine.process.pid)

    def listening() -> set[str]:
        ports = "".join((process / "net" / name).read_text() for name in ("tcp", "tcp6"))
        return {line.split()[9] for line in ports.splitlines() if line.split()[3] == "0A"}

    with socket.create_server(("127.0.0.1", 0)):
        assert listening()
    links = [str(link.readlink()) for link in (process / "fd").iterdir()]
    own = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}
    assert own
    assert not own & listening()
