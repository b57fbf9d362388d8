"""Who is next for what the engine does one after the other: projects take turns, and none can take every place.

One mechanism for all models: the slots of the chat model and the workers of every other. A tenant is a project as the region
names it; requests without a name are one tenant.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from domicile_engines.runtime.errors import Refusal

WAITING_MAX = 128
"""Requests that wait for one model, beyond which the next is refused before it has begun. One tenant may have about half of the
places: as many requests as a region sends at once."""
_RETRY_AFTER_SECONDS = 2

ItemT = TypeVar("ItemT")
Tenant = str | None


class Line(Generic[ItemT]):
    """Those who wait: lower priority numbers first, and among equals the tenants take turns."""

    def __init__(self) -> None:
        self._waiting: dict[int, dict[Tenant, deque[ItemT]]] = {}

    def __len__(self) -> int:
        return sum(len(own) for turns in self._waiting.values() for own in turns.values())

    def add(self, item: ItemT, tenant: Tenant, priority: int = 0) -> None:
        """To the end of the tenant's own line."""
        self._waiting.setdefault(priority, {}).setdefault(tenant, deque()).append(item)

    def discard(self, item: ItemT, tenant: Tenant, priority: int = 0) -> None:
        """Take out one that no longer waits, if it still stands there."""
        turns = self._waiting.get(priority, {})
        if item not in turns.get(tenant, ()):
            return
        turns[tenant].remove(item)
        if not turns[tenant]:
            del turns[tenant]
        if not turns:
            del self._waiting[priority]

    def pop(self, may: Callable[[Tenant], bool] = lambda _: True) -> ItemT | None:
        """The next one of those tenants that `may`. None when none of them waits."""
        for priority in sorted(self._waiting):
            turns = self._waiting[priority]
            for tenant, own in turns.items():
                if may(tenant):
                    item = own.popleft()
                    del turns[tenant]
                    if own:
                        turns[tenant] = own  # to the back: the next tenant's turn
                    elif not turns:
                        del self._waiting[priority]
                    return item
        return None


class Places:
    """A bounded number of places, of which a tenant may have as many as it leaves free for others."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._taken: Counter[Tenant] = Counter()

    def take(self, tenant: Tenant, count: int = 1) -> None:
        """Take places for a whole request, or raise 429 and take none."""
        # A tenant's share shrinks with what is free (dynamic thresholds), so the first one never takes what the second needs.
        if self._taken.get(tenant, 0) + count > self._free - count:
            raise Refusal(
                429,
                "rate_limit_exceeded",
                "The engine's queue is full; try again later.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._free -= count
        self._taken[tenant] += count

    def give_back(self, tenant: Tenant, count: int = 1) -> None:
        """Give places back."""
        self._free += count
        self._taken[tenant] -= count
        if not self._taken[tenant]:
            del self._taken[tenant]

    @contextmanager
    def one(self, tenant: Tenant) -> Iterator[None]:
        """A place for as long as this lasts."""
        self.take(tenant)
        try:
            yield
        finally:
            self.give_back(tenant)


class Turns:
    """A semaphore for which tenants take turns."""

    def __init__(self, at_once: int, of_one: int | None = None) -> None:
        """At most so many at once, of all tenants and of one. `of_one`: as many as of all, if it is not given."""
        self._free = at_once
        self._of_one = of_one or at_once
        self._held: Counter[Tenant] = Counter()
        self._line: Line[_Waiter] = Line()

    @asynccontextmanager
    async def turn(self, tenant: Tenant) -> AsyncIterator[None]:
        """Wait for a turn, and end it."""
        await self._wait(tenant)
        try:
            yield
        finally:
            self._end(tenant)

    async def _wait(self, tenant: Tenant) -> None:
        if self._may_begin(tenant):
            self._begin(tenant)
            return
        waiter = _Waiter(tenant, asyncio.get_running_loop().create_future())
        self._line.add(waiter, tenant)
        try:
            await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.cancelled():
                self._line.discard(waiter, tenant)
            else:
                self._end(tenant)
            raise

    def _may_begin(self, tenant: Tenant) -> bool:
        return self._free > 0 and self._held[tenant] < self._of_one

    def _begin(self, tenant: Tenant) -> None:
        self._free -= 1
        self._held[tenant] += 1

    def _end(self, tenant: Tenant) -> None:
        self._free += 1
        self._held[tenant] -= 1
        if not self._held[tenant]:
            del self._held[tenant]
        while (waiter := self._line.pop(self._may_begin)) is not None:
            # One that was cancelled in this very step has not left the line yet.
            if not waiter.granted.cancelled():
                self._begin(waiter.tenant)
                waiter.granted.set_result(None)


@dataclass(frozen=True, eq=False)
class _Waiter:
    tenant: Tenant
    granted: "asyncio.Future[None]"
