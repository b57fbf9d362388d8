"""The places at an engine that several processes of a region use: together they hold no more than its concurrency.

With a store each process leases places, and gives back those that others need more. Without one, and while the store is away,
each has an equal share.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

import structlog

from domicile.data_plane.limits.store import StoreAwayError
from domicile.kernel.fair_turns import FairTurns

log = structlog.get_logger("limits")

LEASE_S = 3.0
"""The places of a process that died are free after this time."""
RENEW_S = 0.5
HURRY_S = 0.05
"""Between two calls while a request waits here, or another process lacks places."""


class PlaceReport(NamedTuple):
    """What a process says of one pool of places."""

    total: int
    """All places, for all processes together."""
    held: int
    """Places that the process may use now. It has given up the others."""
    demand: int
    """Requests that run or wait."""


class PlaceGrant(NamedTuple):
    """The store's answer."""

    places: int
    """The process may use so many from now on."""
    is_pressed: bool
    """Whether some process of the region lacks places."""


class PlaceStore(Protocol):
    """One store for all processes of a region."""

    async def places(self, key: bytes, process: str, report: PlaceReport, lease_s: float) -> PlaceGrant:
        """Record the report for `lease_s` seconds, and say what the process may use. Raises `StoreAwayError`."""
        ...

    async def ping(self) -> None:
        """Return when the store answers. Raises `StoreAwayError`."""
        ...


class Pool:
    """The places of one process, out of all that there are for one kind of work at one engine."""

    def __init__(self, total: Callable[[], int], fraction: Callable[[], float]) -> None:
        self._total = total
        self._fraction = fraction
        self._leased: int | None = None
        """None: not from the store. Then it is a share."""
        self._turns: FairTurns | None = None
        self._told = 0

    def places(self) -> int:
        """How many may be used now. A share is at least 1; a lease may be 0 for a moment."""
        total = self._total()
        if self._leased is not None:
            return min(total, self._leased)
        # A sum of shares must not be rounded up: 98 places in 49 parts are 2 each.
        return max(1, int(total * self._fraction() + 1e-9))

    def serve(self, turns: FairTurns) -> FairTurns:
        """Call the waiting requests of these turns when places are added."""
        self._turns = turns
        return turns

    @property
    def is_waited_at(self) -> bool:
        """Whether a request waits here for a place."""
        return self._turns is not None and self._turns.waiting > 0

    def report(self) -> PlaceReport:
        """What to tell the store."""
        running, waiting = (0, 0) if self._turns is None else (self._turns.running, self._turns.waiting)
        if self._leased is None:
            # Others may hold all places by now: nothing begins here before the store has answered.
            self._leased = running
        return PlaceReport(self._total(), max(self._leased, running), running + waiting)

    def lease(self, places: int | None) -> None:
        """Use so many places from now on. None: the share."""
        self._leased = places
        self.look()

    def look(self) -> None:
        """Call waiting requests if there are more places than at the last look."""
        before, self._told = self._told, self.places()
        if self._told > before and self._turns is not None:
            self._turns.places_added()


class EnginePlaces:
    """All pools of a process. `run` keeps them up to date."""

    def __init__(
        self,
        fraction: Callable[[], float],
        batch_fraction: Callable[[], float] | None = None,
        *,
        store: PlaceStore | None = None,
        region: str = "",
        process: str = "",
    ) -> None:
        """`fraction`: the share of one process. `batch_fraction`: of what batches may take, if that is another.

        `region`: its name among all that use the store. `process`: an id of this one.
        """
        self._fraction = fraction
        self._batch_fraction = batch_fraction or fraction
        self._store = store
        self._region = region
        self._process = process
        self._pools: dict[bytes, Pool] = {}
        self._is_away = False

    def pool(self, engine: str, total: Callable[[], int]) -> Pool:
        """The places of all requests. `total`: for all processes together, at least 1, as it is now."""
        return self._add(engine, "all", Pool(total, self._fraction))

    def batch_pool(self, engine: str, total: Callable[[], int]) -> Pool:
        """Like `pool`, for the places that lines of batches may take."""
        return self._add(engine, "batch", Pool(total, self._batch_fraction))

    def _add(self, engine: str, work: str, pool: Pool) -> Pool:
        name = hashlib.sha256("\n".join((self._region, engine, work)).encode()).digest()[:16].hex()
        self._pools[f"domicile:places:{name}".encode()] = pool
        return pool

    async def run(self) -> None:
        """Exchange with the store, and call waiting requests when there are more places. Runs until cancelled."""
        while True:
            is_pressed = await self.exchange()
            for _ in range(round(RENEW_S / HURRY_S)):
                await asyncio.sleep(HURRY_S)
                if is_pressed or any(pool.is_waited_at for pool in self._pools.values()):
                    break

    async def exchange(self) -> bool:
        """Report to the store once, and take what it grants. Returns whether some process lacks places."""
        is_pressed = False
        try:
            if self._is_away and self._store is not None:
                # A report stops requests until it is answered, so it is sent to a store that answers.
                await self._store.ping()
            for key, pool in self._pools.items():
                if self._store is not None:
                    grant = await self._store.places(key, self._process, pool.report(), LEASE_S)
                    pool.lease(grant.places)
                    is_pressed |= grant.is_pressed
        except StoreAwayError as error:
            self._be_away(str(error))
        else:
            self._be_back()
        for pool in self._pools.values():
            pool.look()
        return is_pressed

    def _be_away(self, reason: str) -> None:
        if not self._is_away:
            log.error("engine_places_shared_evenly", type=reason, fraction=round(self._fraction(), 4))
        self._is_away = True
        for pool in self._pools.values():
            pool.lease(None)

    def _be_back(self) -> None:
        if self._is_away:
            log.warning("engine_places_leased")
        self._is_away = False
