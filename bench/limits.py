"""What `reserve` and `settle` cost a request: counted in memory, with a lease of the store, and asked each time."""

import asyncio
import time

from tests.platform.valkey_server import running_valkey
from tests.unit.data_plane.test_routing import reservation

from domicile.boundary.usage import Usage
from domicile.catalogue.rate_limits import RateLimits
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.quotas import LocalQuotas, Quotas
from domicile.data_plane.limits.rate_limiter import RateLimiter
from domicile.data_plane.limits.scale_tier import ScaleTier
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore
from domicile.kernel.clock import SystemClock

PAIRS = 100_000
ASKED = 900
ROUNDS = 5
LARGE = RateLimits(requests_per_minute=2**36, tokens_per_minute=2**40)
SMALL = RateLimits(requests_per_minute=999, tokens_per_minute=2**40)


def cost_of_limits() -> None:
    """Prints the best of some rounds: what else the machine does only adds to it."""
    asyncio.run(_measure())


async def _measure() -> None:
    with running_valkey() as server:
        store = ValkeyStore(ValkeyAddress(server.socket), deadline_s=5.0)
        shared = SharedQuotas(store, "eu", lambda: 1.0)
        local = await _best(LocalQuotas(), LARGE, PAIRS)
        leased = await _best(shared, LARGE, PAIRS)
        calls = shared.asked
        asked = min(
            [await _pairs(SharedQuotas(store, f"r{each}", lambda: 1.0), SMALL, ASKED) for each in range(ROUNDS)]
        )
        await store.close()
    print("\nreserve and settle, one project and model, microseconds of processor time for a pair")
    print(
        f"  in memory {local:.1f}, with a lease {leased:.1f} ({calls} calls of the store), asked each time {asked:.0f}"
    )


async def _best(quotas: Quotas, limits: RateLimits, pairs: int) -> float:
    return min([await _pairs(quotas, limits, pairs) for _ in range(ROUNDS)])


async def _pairs(quotas: Quotas, limits: RateLimits, pairs: int) -> float:
    limiter, admission = (
        RateLimiter(lambda _admission: limits, quotas, ScaleTier(quotas, SystemClock())),
        reservation("gpt-4").admission,
    )
    demand, usage = Demand(900), Usage(input_tokens=200, output_tokens=300)
    began = time.process_time()
    for _ in range(pairs):
        await limiter.settle(await limiter.reserve(admission, demand), usage)
    return (time.process_time() - began) / pairs * 1e6
