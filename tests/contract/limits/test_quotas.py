"""What all quotas keep, in the memory of one process or in a store (contract C19). Windows of a day let nothing flow back."""

import asyncio
import random
import time

import pytest
from tests.contract.limits.conftest import NewShared
from tests.platform.valkey_server import ValkeyServer

from domicile.data_plane.limits import shared_quotas
from domicile.data_plane.limits.quotas import Answer, Kind, Limit, LocalQuotas, Owner, Quotas

DAY_S = 86_400.0
FIVE = (Limit(Kind.REQUESTS, 5, DAY_S),)
BOTH = (Limit(Kind.REQUESTS, 5, DAY_S), Limit(Kind.TOKENS, 1000, DAY_S))
LARGE = (Limit(Kind.REQUESTS, 10_000, DAY_S), Limit(Kind.TOKENS, 1_000_000, DAY_S))


def amounts(requests: int = 1, tokens: int = 0) -> tuple[int, ...]:
    return requests, tokens, 0, 0, 0


def left(answer: Answer, kind: Kind) -> float:
    return round(answer.standings[kind].left, 1)


async def until_refused(quotas: Quotas, owner: Owner, limits: tuple[Limit, ...], asked: tuple[int, ...]) -> int:
    taken = 0
    while (await quotas.take(owner, limits, asked)).refusal is None:
        taken += 1
    return taken


async def test_all_or_nothing(quotas: Quotas, owner: Owner) -> None:
    assert left(await quotas.take(owner, BOTH, amounts(tokens=700)), Kind.TOKENS) == 300
    refused = await quotas.take(owner, BOTH, amounts(tokens=400))
    assert refused.refusal is not None
    assert refused.refusal.kind is Kind.TOKENS
    assert refused.refusal.wait_s == pytest.approx(100 / 1000 * DAY_S, rel=0.01)
    assert (left(refused, Kind.REQUESTS), left(refused, Kind.TOKENS)) == (4, 300)
    assert (await quotas.take(owner, BOTH, amounts(tokens=300))).refusal is None


async def test_a_small_limit_holds_exactly(quotas: Quotas, owner: Owner) -> None:
    assert await until_refused(quotas, owner, FIVE, amounts()) == 5
    assert await until_refused(quotas, (*owner, "another"), FIVE, amounts()) == 5


async def test_a_large_limit_is_all_used(quotas: Quotas, owner: Owner) -> None:
    assert await until_refused(quotas, owner, LARGE, amounts(tokens=10)) == 10_000


@pytest.mark.parametrize("limit", [5, 2000])
async def test_requests_at_the_same_time_take_no_more(quotas: Quotas, owner: Owner, limit: int) -> None:
    limits = (Limit(Kind.REQUESTS, limit, DAY_S),)

    async def some() -> int:
        return sum([(await quotas.take(owner, limits, amounts())).refusal is None for _ in range(100)])

    assert sum(await asyncio.gather(*(some() for _ in range(30)))) == limit


async def test_what_comes_back_can_be_taken_again(quotas: Quotas, owner: Owner) -> None:
    await quotas.take(owner, BOTH, amounts(tokens=1000))
    await quotas.give_back(owner, BOTH, Kind.TOKENS, 600)
    assert left(await quotas.take(owner, BOTH, amounts(tokens=500)), Kind.TOKENS) == 100
    # More was used than was reserved: that is owed, and a request that takes nothing of it passes.
    await quotas.give_back(owner, BOTH, Kind.TOKENS, -300)
    refused = await quotas.take(owner, BOTH, amounts(tokens=1))
    assert refused.refusal is not None
    assert left(refused, Kind.TOKENS) == -200
    assert (await quotas.take(owner, BOTH, amounts())).refusal is None


async def test_no_more_comes_back_than_the_limit(quotas: Quotas, owner: Owner) -> None:
    await quotas.take(owner, BOTH, amounts(tokens=10))
    await quotas.give_back(owner, BOTH, Kind.TOKENS, 500)
    assert left(await quotas.take(owner, BOTH, amounts(tokens=0)), Kind.TOKENS) == 1000


async def test_more_than_the_limit_never_fits(quotas: Quotas, owner: Owner) -> None:
    refused = await quotas.take(owner, BOTH, amounts(tokens=1001))
    assert refused.refusal == (Kind.TOKENS, None)


async def test_a_refusal_that_is_repeated_is_of_the_amount(quotas: Quotas, owner: Owner) -> None:
    await quotas.take(owner, BOTH, amounts(tokens=900))
    for asked, wait_s in ((200, DAY_S / 10), (300, DAY_S / 5), (1001, None), (100, 0.0)):
        refusal = (await quotas.take(owner, BOTH, amounts(tokens=asked))).refusal
        if wait_s == 0:
            assert refusal is None
        else:
            assert refusal is not None
            assert refusal.wait_s == (None if wait_s is None else pytest.approx(wait_s, rel=0.01))


async def test_it_flows_back(quotas: Quotas, owner: Owner) -> None:
    limits = (Limit(Kind.REQUESTS, 2, 1.0),)
    began = time.monotonic()
    for _ in range(6):
        while (await quotas.take(owner, limits, amounts())).refusal is not None:
            await asyncio.sleep(0.01)
    # The four beyond the first two.
    assert time.monotonic() - began >= 1.9


@pytest.mark.parametrize("limits", [BOTH, LARGE])
async def test_another_limit_acts_at_once(quotas: Quotas, owner: Owner, limits: tuple[Limit, ...]) -> None:
    for _ in range(4):
        await quotas.take(owner, limits, amounts(tokens=100))
    lower = (Limit(Kind.REQUESTS, 6, DAY_S), Limit(Kind.TOKENS, 500, DAY_S))
    answer = await quotas.take(owner, lower, amounts(tokens=100))
    assert (left(answer, Kind.REQUESTS), left(answer, Kind.TOKENS)) == (1, 0)
    refused = await quotas.take(owner, lower, amounts(tokens=1))
    assert refused.refusal is not None
    assert refused.refusal.wait_s == pytest.approx(DAY_S / 500, rel=0.01)
    assert left(await quotas.take(owner, limits, amounts(tokens=0)), Kind.TOKENS) == limits[1].limit - 500


@pytest.mark.parametrize("seed", range(8))
async def test_the_store_counts_as_memory_does(
    valkey: ValkeyServer, new_shared: NewShared, owner: Owner, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when processes take turns, as long as what they give back has arrived, and each refusal is asked for."""
    monkeypatch.setattr(shared_quotas, "REFUSED_FOR_S", 0.0)
    chance = random.Random(seed)
    alone, together = LocalQuotas(), [new_shared(valkey), new_shared(valkey)]
    limits: tuple[Limit, ...] = BOTH
    for _ in range(120):
        process = chance.choice(together)
        step = chance.random()
        if step < 0.1:
            limits = tuple(Limit(each.kind, chance.randrange(1, 900), DAY_S) for each in BOTH)
        if step < 0.4:
            amount = chance.randrange(-200, 400)
            await alone.give_back(owner, limits, Kind.TOKENS, amount)
            await process.give_back(owner, limits, Kind.TOKENS, amount)
            await process.return_leases(everything=True)
            continue
        asked = amounts(chance.randrange(2), chance.randrange(300))
        expected, found = await alone.take(owner, limits, asked), await process.take(owner, limits, asked)
        assert (expected.refusal is None) == (found.refusal is None)
        if expected.refusal is not None and found.refusal is not None:
            assert expected.refusal.kind is found.refusal.kind
            if expected.refusal.wait_s is None:
                assert found.refusal.wait_s is None
            else:
                assert found.refusal.wait_s == pytest.approx(expected.refusal.wait_s, rel=0.05, abs=5)
        if expected.refusal is None:
            assert [round(found.standings[kind].left) for kind in found.standings] == [
                round(expected.standings[kind].left) for kind in expected.standings
            ]
