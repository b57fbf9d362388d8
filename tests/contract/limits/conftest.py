"""Quotas of one process, and of processes that share a Valkey server."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tests.platform.valkey_server import ValkeyServer, running_valkey

from domicile.data_plane.limits.quotas import LocalQuotas, Owner, Quotas
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.limits.valkey_store import ValkeyAddress, ValkeyStore

DEADLINE_S = 5.0
"""Generous: a busy machine is no store that is away."""

_numbers = itertools.count(1)

NewQuotas = Callable[[], Quotas]
NewShared = Callable[..., SharedQuotas]


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """One server for all tests of a worker. None of them stops it."""
    with running_valkey() as server:
        yield server


@pytest.fixture
async def new_shared() -> AsyncIterator[NewShared]:
    """Quotas that count at a server, one for each process of a region."""
    async with AsyncExitStack() as stack:

        def new(server: ValkeyServer, *, fraction: float = 1 / 3, deadline_s: float = DEADLINE_S) -> SharedQuotas:
            store = ValkeyStore(ValkeyAddress(Path(server.socket)), deadline_s)
            stack.push_async_callback(store.close)
            return SharedQuotas(store, "eu", lambda: fraction)

        yield new


@pytest.fixture(params=["local", "shared"])
def quotas(request: pytest.FixtureRequest, valkey: ValkeyServer, new_shared: NewShared) -> Quotas:
    """Each kind of quotas."""
    return LocalQuotas() if request.param == "local" else new_shared(valkey)


@pytest.fixture
def owner() -> Owner:
    """One that no other test has."""
    return f"proj_{next(_numbers)}", "gpt-4"
