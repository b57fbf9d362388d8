"""What Scale Tier keeps: the latency of bought capacity while other projects and a batch saturate its engine.

python -m bench.scale_tier runs these alone.
"""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from tests.platform.installation import Installation, IssuedKey

from bench.batches import Region, chat_body

PLACES, DEFAULT_MS, SCALE_MS = 16, 2_000, 500
FLOOD = 10 * PLACES
"""Clients of the first project, each with one request at a time: ten times as many as the engine has places."""
SECOND = PLACES
SCALE_EVERY_S = 0.25
"""Two requests of the scale tier at once on average, which is what is sold."""
SECONDS = 30.0
ROUNDS = 3
SHARES = (0.125, 0.25)
_CHAT = "/v1/chat/completions"
_ENTITLEMENT = {"model": "gpt-4o-2024-08-06", "input_units": 10, "output_units": 5_000}


def scale_tier(folder: Path, shares: tuple[float, ...] = SHARES) -> None:
    """Prints all figures. `folder` does not exist yet."""
    print(
        f"\nScale tier: a request of {SCALE_MS} ms every {SCALE_EVERY_S * 1000:.0f} ms, at an engine of {PLACES} places;"
    )
    print(
        f"beside {FLOOD} clients of one project and {SECOND} of another with requests of {DEFAULT_MS} ms, and a batch"
    )
    for share in shares:
        with _running(folder / f"share-{share}", share) as (region, keys):
            _measure(region, keys, f"{max(1, int(PLACES * share))} places kept")
    with _running(folder / "unsold", SHARES[0], is_sold=False) as (region, keys):
        _measure(region, keys, "nothing sold")


def _measure(region: Region, keys: dict[str, IssuedKey], what: str) -> None:
    """Alone and beside the others in turns; medians of the rounds."""
    rounds: list[tuple[float, ...]] = []
    for _ in range(ROUNDS):
        alone = statistics.quantiles(asyncio.run(_scale_alone(region, keys)), n=100)
        batch_id = region.create(region.upload(2_000, f"do:wait-{DEFAULT_MS}"))
        took, done = asyncio.run(_saturated(region, keys))
        lines = region.batch(batch_id)["request_counts"]["completed"]
        region.http.post(f"/v1/batches/{batch_id}/cancel").raise_for_status()
        region.until_ended(batch_id)
        beside = statistics.quantiles(took, n=100)
        rounds.append((alone[49], beside[49], alone[98], beside[98], done["flood"], done["second"], lines))
    p50, p50_beside, p99, p99_beside, flood, second, lines = (
        statistics.median(each) for each in zip(*rounds, strict=True)
    )
    print(
        f"{what:15} p50 {p50:4.0f} -> {p50_beside:4.0f} ms   p99 {p99:4.0f} -> {p99_beside:4.0f} ms "
        f"({p99_beside / p99:.2f} times)   flood {flood / SECONDS:.1f}/s   second {second / SECONDS:.1f}/s   lines {lines}",
        flush=True,
    )


async def _scale_alone(region: Region, keys: dict[str, IssuedKey]) -> list[float]:
    async with _client(region, keys["scale"]) as client:
        return await _scale(client)


async def _saturated(region: Region, keys: dict[str, IssuedKey]) -> tuple[list[float], Counter[str]]:
    """The latencies of the scale tier in ms, and the answers of the other projects meanwhile."""
    done: Counter[str] = Counter()

    async def one_after_another(client: httpx2.AsyncClient, name: str) -> None:
        while True:
            answer = await client.post(_CHAT, json=chat_body(f"do:wait-{DEFAULT_MS}"))
            done[name] += answer.status_code == 200
            if answer.status_code != 200:
                await asyncio.sleep(0.5)

    async with (
        _client(region, keys["scale"]) as bought,
        _client(region, keys["flood"]) as flood,
        _client(region, keys["second"]) as second,
    ):
        others = [asyncio.create_task(one_after_another(flood, "flood")) for _ in range(FLOOD)]
        others += [asyncio.create_task(one_after_another(second, "second")) for _ in range(SECOND)]
        # Until the engine and its queue are full.
        await asyncio.sleep(3 * DEFAULT_MS / 1000)
        done.clear()
        took = await _scale(bought)
        found = done.copy()
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    return took, found


async def _scale(client: httpx2.AsyncClient) -> list[float]:
    """The latencies, in ms, of requests that come at their times whatever became of those before."""
    took: list[float] = []

    async def ask() -> None:
        began = time.perf_counter()
        (await client.post(_CHAT, json=chat_body(f"do:wait-{SCALE_MS}"))).raise_for_status()
        took.append((time.perf_counter() - began) * 1000)

    asked = []
    for _ in range(int(SECONDS / SCALE_EVERY_S)):
        asked.append(asyncio.create_task(ask()))
        await asyncio.sleep(SCALE_EVERY_S)
    await asyncio.gather(*asked)
    return took


def _client(region: Region, key: IssuedKey) -> httpx2.AsyncClient:
    limits = httpx2.Limits(max_connections=FLOOD + PLACES)
    headers = {"authorization": f"Bearer {key.secret}"}
    return httpx2.AsyncClient(base_url=region.url, headers=headers, timeout=120, limits=limits)


@contextmanager
def _running(folder: Path, share: float, *, is_sold: bool = True) -> Iterator[tuple[Region, dict[str, IssuedKey]]]:
    engine = f"max_concurrency = {PLACES}\nscale_share = {share}\nmax_queue = {4 * FLOOD}"
    installation = Installation(folder, log_level="warning", engine_extra=engine)
    try:
        installation.start()
        keys = {name: installation.new_key("eu") for name in ("scale", "flood", "second", "batch")}
        if is_sold:
            sale = {**_ENTITLEMENT, "project_id": keys["scale"].project_id, "ends_at": int(time.time()) + 86_400}
            installation.operator("POST", "/operator/v1/entitlements", sale)
            time.sleep(1)
        headers = {"authorization": f"Bearer {keys['batch'].secret}"}
        url = installation.region_url("eu")
        with httpx2.Client(base_url=url, headers=headers, timeout=300) as client:
            pid = installation.processes["region-eu"].pid
            yield Region(client, pid, folder / "eu" / "engine.sock", url, headers), keys
    finally:
        installation.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="domicile-bench-") as place:
        scale_tier(Path(place) / "scale")
