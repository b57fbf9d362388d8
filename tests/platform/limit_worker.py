"""A process of a region that takes from limits as fast as it can. It says what it took, and stays until its input ends.

For each line of its input, `OWNER KIND LIMIT WINDOW_S AMOUNT FOR_S`, it takes for so long, and writes how much it was given.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path

from domicile.data_plane.limits.quotas import Kind, Limit
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore
from domicile.kernel.geography import Destination


async def take(quotas: SharedQuotas, line: str) -> int:
    owner, kind, limit, window_s, amount, for_s = line.split()
    limits = (Limit(Kind(int(kind)), int(limit), float(window_s)),)
    amounts = tuple(int(amount) if each == int(kind) else 0 for each in Kind)
    until_s, taken = time.monotonic() + float(for_s), 0
    while time.monotonic() < until_s:
        if (await quotas.take((owner, "gpt-4"), limits, amounts)).refusal is None:
            taken += int(amount)
        # As a server does between two requests.
        await asyncio.sleep(0)
    return taken


async def main(place: Path | Destination, fraction: float) -> None:
    quotas = SharedQuotas(ValkeyStore(ValkeyAddress(place), deadline_s=5.0), "eu", lambda: fraction)
    background = asyncio.create_task(quotas.run())
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(await take(quotas, line), flush=True)
    background.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path)
    parser.add_argument("--port", type=int)
    parser.add_argument("--fraction", type=float, default=0.25)
    options = parser.parse_args()
    asyncio.run(main(options.socket or Destination("127.0.0.1", options.port, "DE"), options.fraction))
