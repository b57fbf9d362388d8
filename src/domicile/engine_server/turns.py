"""Who is next for what the engine does one after the other: projects take turns, and none can take every place.

One mechanism for all models: the slots of the chat model and the workers of every other. A tenant is a project as the region
names it; requests without a name are one tenant.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Generic, TypeVar

from domicile.engine_server.errors import Refusal

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

    def pop(self) -> ItemT:
        """The next one. Raises ValueError when nobody waits."""
        priority = min(self._waiting)
        turns = self._waiting[priority]
        tenant = next(iter(turns))
        own = turns.pop(tenant)
        item = own.popleft()
        if own:
            turns[tenant] = own  # to the back: the next tenant's turn
        elif not turns:
            del self._waiting[priority]
        return item


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

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._line: Line[asyncio.Future[None]] = Line()

    @asynccontextmanager
    async def turn(self, tenant: Tenant) -> AsyncIterator[None]:
        """Wait for a turn, and end it."""
        await self._wait(tenant)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, tenant: Tenant) -> None:
        if self._free:
            self._free -= 1
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.add(granted, tenant)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.cancelled():
                self._line.discard(granted, tenant)
            else:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._line:
            granted = self._line.pop()
            # One that was cancelled in this very step has not left the line yet.
            if not granted.cancelled():
                granted.set_result(None)
                return
        self._free += 1
