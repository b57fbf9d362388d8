"""What the platform adds to a chat request.

A region is asked, and the same stub engine is asked directly, in turns on one connection each, so that whatever else the
machine does falls on both alike. The difference of the medians is what the platform adds.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
from tests.platform.installation import Installation

REQUESTS = 300
BODY = {"model": "gpt-4o-2024-08-06", "messages": [{"role": "user", "content": "word " * 150}]}


def timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def first_event(client: httpx2.Client, path: str) -> None:
    """Until the first byte of a stream; then the rest is read, so that the connection can be used again."""
    with client.stream("POST", path, json={**BODY, "stream": True}) as response:
        response.raise_for_status()
        for _ in response.iter_raw():
            break


def compare(name: str, direct: Callable[[], object], through: Callable[[], object]) -> None:
    """Prints medians of both and their difference."""
    for _ in range(20):
        direct(), through()
    pairs = [(timed(direct), timed(through)) for _ in range(REQUESTS)]
    engine, platform = (statistics.median(side) for side in zip(*pairs, strict=True))
    slow = statistics.quantiles([pair[1] for pair in pairs], n=100)[98]
    print(
        f"{name:<28} engine {engine:6.2f} ms   region {platform:6.2f} ms   "
        f"added {platform - engine:5.2f} ms   p99 {slow:6.2f} ms"
    )


def added_latency(folder: Path) -> None:
    """Unary and streaming, on one idle connection."""
    installation = Installation(folder, log_level="warning")
    try:
        installation.start()
        key = installation.new_key("eu").secret
        headers = {"authorization": f"Bearer {key}"}
        path = "/v1/chat/completions"
        with (
            installation.engine("eu") as engine,
            httpx2.Client(base_url=installation.region_url("eu"), headers=headers, timeout=15) as region,
        ):
            compare(
                "unary",
                lambda: engine.post(path, json=BODY).raise_for_status(),
                lambda: region.post(path, json=BODY).raise_for_status(),
            )
            compare("stream, to the first byte", lambda: first_event(engine, path), lambda: first_event(region, path))
    finally:
        installation.stop()
