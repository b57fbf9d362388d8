"""The store is killed, paused, slow or empty: limits hold by each process's share, no request fails, and it is said once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from structlog.testing import capture_logs
from tests.contract.limits.conftest import NewShared
from tests.platform.valkey_server import ValkeyServer, running_valkey
from tests.unit.data_plane.region_parts import until

from domicile.data_plane.limits.quotas import Kind, Limit, Owner
from domicile.data_plane.limits.shared_quotas import SharedQuotas

DAY_S = 86_400.0
NINE = (Limit(Kind.REQUESTS, 9, DAY_S),)
LARGE = (Limit(Kind.REQUESTS, 90_000, DAY_S),)
ONE = (1, 0, 0, 0, 0)


@pytest.fixture
def own_valkey() -> Iterator[ValkeyServer]:
    """A server that the test may stop."""
    with running_valkey() as server:
        yield server


async def taken(quotas: SharedQuotas, owner: Owner, limits: tuple[Limit, ...] = NINE) -> int:
    """How many requests pass until one is refused."""
    count = 0
    while (await quotas.take(owner, limits, ONE)).refusal is None:
        count += 1
    return count


@asynccontextmanager
async def background(quotas: SharedQuotas) -> AsyncIterator[None]:
    """What looks for the store, while the block runs."""
    task = asyncio.create_task(quotas.run())
    try:
        yield
    finally:
        task.cancel()


async def is_back(quotas: SharedQuotas) -> None:
    await until(lambda: quotas.away_s is None, within_s=60, what="the store is found again")


async def test_killed_each_process_has_its_share(own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    processes = [new_shared(own_valkey) for _ in range(3)]
    own_valkey.kill()
    assert [await taken(each, owner) for each in processes] == [3, 3, 3]
    assert [each.decided_alone for each in processes] == [4, 4, 4]


async def test_the_share_is_of_what_was_left(own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    quotas = new_shared(own_valkey)
    for _ in range(6):
        await quotas.take(owner, NINE, ONE)
    own_valkey.kill()
    assert await taken(quotas, owner) == 1
    assert await taken(quotas, (*owner, "another")) == 3


async def test_paused_counts_as_away_after_one_deadline(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    quotas = new_shared(own_valkey, deadline_s=0.5)
    async with background(quotas):
        await quotas.take(owner, NINE, ONE)
        with own_valkey.paused(), capture_logs() as logs:
            assert await taken(quotas, owner) == 2, "8/9 of the share of 3"
            assert [each["event"] for each in logs] == ["limit_store_away"]
            assert quotas.away_s is not None
        await is_back(quotas)
    # Two were used meanwhile, which the store is told. So were one before, and perhaps one whose answer was late.
    assert await taken(quotas, owner) in {5, 6}


async def test_slow_counts_as_away(own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    quotas = new_shared(own_valkey, deadline_s=0.2)
    own_valkey.command("CLIENT", "PAUSE", "2000")
    assert await taken(quotas, owner) == 3
    async with background(quotas):
        await is_back(quotas)


async def test_a_store_that_comes_back_empty_begins_from_what_was_left(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    first, second = new_shared(own_valkey), new_shared(own_valkey)
    for _ in range(4):
        await second.take(owner, NINE, ONE)
        await first.take(owner, NINE, ONE)
    own_valkey.kill()
    async with background(first), background(second):
        assert (await first.take(owner, NINE, ONE)).refusal is not None, "a ninth of the share of 3"
        own_valkey.start()
        await is_back(first)
    assert await taken(first, owner) == 1
    assert await taken(second, owner) == 0


async def test_what_was_used_alone_is_told_when_the_store_is_back(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    processes = [new_shared(own_valkey) for _ in range(3)]
    own_valkey.kill()
    async with AsyncExitStack() as stack:
        for quotas in processes:
            await stack.enter_async_context(background(quotas))
            assert await taken(quotas, owner) == 3
        own_valkey.start()
        for quotas in processes:
            await is_back(quotas)
            await quotas.return_leases(everything=True)
    assert await taken(processes[0], owner) == 0


async def test_the_last_lease_is_used_first(own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    quotas = new_shared(own_valkey)
    while not quotas.leased(owner):
        await quotas.take(owner, LARGE, ONE)
    own_valkey.kill()
    while quotas.leased(owner):
        await quotas.take(owner, LARGE, ONE)
    assert (quotas.away_s, quotas.decided_alone) == (None, 0)
    await quotas.take(owner, LARGE, ONE)
    assert quotas.decided_alone == 1


async def test_an_unused_lease_goes_back(valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    quotas, other = new_shared(valkey), new_shared(valkey)
    used = 0
    while not quotas.leased(owner):
        await quotas.take(owner, LARGE, ONE)
        used += 1
    await quotas.return_leases(everything=True)
    assert quotas.leased(owner) == 0
    assert round((await other.take(owner, LARGE, ONE)).standings[Kind.REQUESTS].left) == 90_000 - used - 1


async def test_a_client_who_leaves_takes_nothing(own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner) -> None:
    quotas = new_shared(own_valkey, deadline_s=30)
    await quotas.take(owner, NINE, ONE)
    with own_valkey.paused():
        leaving = asyncio.create_task(quotas.take(owner, NINE, ONE))
        await until(lambda: quotas.asked == 2, what="it has been asked")
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    await until(lambda: quotas.owes(owner) == 1, what="it is given back")
    assert await taken(quotas, owner) == 8


async def test_limits_that_change_while_it_is_away(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    quotas = new_shared(own_valkey)
    own_valkey.kill()
    assert await taken(quotas, owner) == 3
    assert await taken(quotas, owner, (Limit(Kind.REQUESTS, 15, DAY_S),)) == 2
    assert await taken(quotas, owner, (Limit(Kind.REQUESTS, 9, DAY_S),)) == 0


async def test_a_request_above_the_share_leaves_a_debt(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    tokens = (Limit(Kind.TOKENS, 900, DAY_S),)
    quotas = new_shared(own_valkey)
    own_valkey.kill()
    assert (await quotas.take(owner, tokens, (1, 800, 0, 0, 0))).refusal is None
    refused = await quotas.take(owner, tokens, (1, 1, 0, 0, 0))
    assert refused.refusal is not None
    assert round(refused.standings[Kind.TOKENS].left) == -500
    assert (await quotas.take(owner, tokens, (1, 901, 0, 0, 0))).refusal == (Kind.TOKENS, None)


async def test_what_a_lost_call_gave_back_is_not_given_back_twice(
    own_valkey: ValkeyServer, new_shared: NewShared, owner: Owner
) -> None:
    quotas = new_shared(own_valkey, deadline_s=0.5)
    for _ in range(4):
        await quotas.take(owner, NINE, ONE)
    await quotas.give_back(owner, NINE, Kind.REQUESTS, 2)
    with own_valkey.paused():
        await quotas.return_leases(everything=True)
    assert quotas.away_s is not None
    assert quotas.owes(owner) == 0, "the server does it once it runs again"
    async with background(quotas):
        await is_back(quotas)
    assert await taken(quotas, owner) == 7
