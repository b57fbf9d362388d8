"""The `Quotas` that all processes of a region share, in a store in the region.

Small limits are asked of the store for each request. Of large ones a process leases a part, and serves requests from it without
I/O. While the store is away each process uses its last lease, and then its own share of each limit.
"""

import asyncio
import hashlib
import random
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

from domicile.data_plane.limits.accounts import LEASE_S, Accounts, Refused
from domicile.data_plane.limits.quotas import Answer, Kind, Limit, Owner, Refusal, forget_idle, take_from
from domicile.data_plane.limits.store import Ask, LimitStore, StoreAwayError, Taken

log = structlog.get_logger("limits")

REFUSED_FOR_S = 0.1
"""For how long a refusal is repeated without asking, at most. Otherwise a caller beyond its limit would keep the store busy."""
RETURN_EVERY_S = 0.2
_RETURNED_AT_ONCE = 8
_RECONNECT_S = (0.1, 5.0)
"""The first and the longest pause between two attempts."""


class SharedQuotas:
    """Counts at the store. `run` gives back what is left of leases, and looks for a store that is away."""

    def __init__(
        self,
        store: LimitStore,
        region: str,
        fraction: Callable[[], float],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`region`: its name among all that use the store. `fraction`: of each limit, for this process while the store is away.

        `now_s`: a monotonic clock, in seconds.
        """
        self._store = store
        self._region = region
        self._fraction = fraction
        self._now_s = now_s
        self._held: OrderedDict[Owner, Accounts] = OrderedDict()
        self._owing: dict[Owner, Accounts] = {}
        """Those that hold something of the store's."""
        self._away_since_s: float | None = None
        self._went_away = asyncio.Event()
        self.asked = 0
        """How often the store was asked."""
        self.decided_alone = 0
        """Requests that were decided by this process's share."""

    @property
    def away_s(self) -> float | None:
        """For how many seconds the store has been away. None: it is there."""
        return None if self._away_since_s is None else self._now_s() - self._away_since_s

    def leased(self, owner: Owner, kind: Kind = Kind.REQUESTS) -> int:
        """How much of a limit this process has leased and not used."""
        return self._held[owner].by_kind[kind].left if owner in self._held else 0

    def owes(self, owner: Owner, kind: Kind = Kind.REQUESTS) -> int:
        """How much of a limit this process has to give back to the store."""
        return self._held[owner].by_kind[kind].owed if owner in self._held else 0

    async def take(self, owner: Owner, limits: tuple[Limit, ...], amounts: tuple[int, ...]) -> Answer:
        """See `Quotas`."""
        now_s = self._now_s()
        held = self._of(owner, limits, now_s)
        if now_s < held.leased_until_s and held.use(amounts):
            return Answer(held.standings(now_s))
        if self._away_since_s is not None:
            return self._take_alone(held, amounts, now_s)
        if held.refused is not None and (refusal := held.still_refused(held.refused, amounts, now_s)) is not None:
            return Answer(held.standings(now_s), refusal)
        return await self._take_from_store(owner, held, amounts, now_s)

    async def give_back(self, owner: Owner, limits: tuple[Limit, ...], kind: Kind, amount: int) -> None:
        """See `Quotas`. It goes to the store with the next ask, or within a second."""
        now_s = self._now_s()
        held = self._of(owner, limits, now_s)
        account = held.by_kind.get(kind)
        if account is None:
            return
        if self._away_since_s is not None:
            bucket = held.buckets(self._fraction(), now_s)[kind]
            bucket.left(now_s)
            bucket.take(-amount)
            account.spend(-amount)
            return
        account.owed += amount
        # There may be enough now.
        held.refused = None
        self._owes(owner, held, now_s)

    async def run(self) -> None:
        """Give back what is left of leases, and look for the store while it is away. Runs until cancelled."""
        while True:
            if self._away_since_s is not None:
                await self._wait_for_store()
            await self.return_leases()
            try:
                async with asyncio.timeout(RETURN_EVERY_S):
                    await self._went_away.wait()
            except TimeoutError:
                pass

    async def return_leases(self, *, everything: bool = False) -> None:
        """Give back leases that were not used in time, and what requests gave back. `everything`: at the end of the process."""
        now_s = self._now_s()
        due = []
        for owner, held in list(self._owing.items()):
            if everything or now_s >= held.leased_until_s:
                held.lapse()
            if not held.holds_something:
                del self._owing[owner]
                held.owes_since_s = None
            elif everything or held.owes_since_s is None or now_s - held.owes_since_s >= LEASE_S:
                held.owes_since_s = now_s
                due.append(held)
        for first in range(0, len(due), _RETURNED_AT_ONCE):
            if self._away_since_s is not None:
                return
            await asyncio.gather(*(self._return(held) for held in due[first : first + _RETURNED_AT_ONCE]))

    async def _return(self, held: Accounts) -> None:
        now_s = self._now_s()
        asked = [account.ask(0, now_s, lease=False) for account in held.by_kind.values()]
        await self._ask(held, asked)

    async def _take_from_store(self, owner: Owner, held: Accounts, amounts: tuple[int, ...], now_s: float) -> Answer:
        if now_s >= held.leased_until_s:
            held.lapse()
        accounts = tuple(held.by_kind.values())
        # What the lease covers is used at once: other requests of the owner may come while the store is asked.
        covered = [min(account.left, amounts[account.limit.kind]) for account in accounts]
        is_first, held.is_asking = not held.is_asking, True
        asked = []
        for account, part in zip(accounts, covered, strict=True):
            account.use(part)
            asked.append(account.ask(amounts[account.limit.kind] - part, now_s, lease=is_first))
        asking = asyncio.ensure_future(self._ask(held, asked))
        try:
            taken = await asyncio.shield(asking)
        except asyncio.CancelledError:
            # The client has left. What the store gives is given back.
            asking.add_done_callback(lambda done: self._give_up(owner, held, asked, covered, done))
            raise
        finally:
            if is_first:
                held.is_asking = False
        if taken is None or taken.refused is not None:
            for account, part in zip(accounts, covered, strict=True):
                account.left += part
        if taken is None:
            return self._take_alone(held, amounts, self._now_s())
        now_s = self._now_s()
        if taken.refused is not None:
            return self._refused(held, amounts, asked[taken.refused], taken.given[taken.refused].left, now_s)
        held.leased_until_s = now_s + LEASE_S
        self._owes(owner, held, now_s)
        return Answer(held.standings(now_s))

    def _give_up(
        self, owner: Owner, held: Accounts, asked: list[Ask], covered: list[int], done: "asyncio.Future[Taken | None]"
    ) -> None:
        taken = None if done.cancelled() else done.result()
        is_taken = taken is not None and taken.refused is None
        for ask, part in zip(asked, covered, strict=True):
            account = held.by_kind.get(ask.limit.kind)
            if account is not None:
                account.owed += part + (ask.needed if is_taken else 0)
        self._owes(owner, held, self._now_s())

    async def _ask(self, held: Accounts, asked: list[Ask]) -> Taken | None:
        """The store's answer. None: it is away."""
        self.asked += 1
        try:
            taken = await self._store.take(held.key, asked)
        except StoreAwayError as error:
            self._lose(error)
            for ask in asked:
                account = held.by_kind.get(ask.limit.kind)
                if account is not None:
                    account.unanswered(ask)
            return None
        now_s = self._now_s()
        for ask, given in zip(asked, taken.given, strict=True):
            account = held.by_kind.get(ask.limit.kind)
            # The limit may have changed meanwhile. Then a lease of the earlier one is left to fill up again.
            if account is not None and account.limit == ask.limit:
                account.answered(given, now_s)
        return taken

    def _refused(self, held: Accounts, amounts: tuple[int, ...], ask: Ask, left: float, now_s: float) -> Answer:
        kind, limit, window_s = ask.limit
        amount = amounts[kind]
        if amount > limit:
            return Answer(held.standings(now_s), Refusal(kind, None))
        wait_s = max(0.0, (ask.needed - left) * window_s / limit)
        held.refused = Refused(kind, amount, now_s + min(wait_s, REFUSED_FOR_S), now_s + wait_s)
        return Answer(held.standings(now_s), Refusal(kind, wait_s))

    def _take_alone(self, held: Accounts, amounts: tuple[int, ...], now_s: float) -> Answer:
        self.decided_alone += 1
        answer = take_from(held.buckets(self._fraction(), now_s), amounts, now_s)
        if answer.refusal is None:
            for kind, account in held.by_kind.items():
                account.spend(amounts[kind])
        return answer

    def _lose(self, error: StoreAwayError) -> None:
        if self._away_since_s is None:
            self._away_since_s = self._now_s()
            self._went_away.set()
            log.error("limit_store_away", type=str(error), fraction=round(self._fraction(), 4))

    async def _wait_for_store(self) -> None:
        pause_s, longest_s = _RECONNECT_S
        while True:
            # Not all processes at the same moment.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1))
            try:
                await self._store.ping()
            except StoreAwayError:
                pause_s = min(2 * pause_s, longest_s)
                continue
            self._rejoin()
            return

    def _rejoin(self) -> None:
        now_s, away_s = self._now_s(), self.away_s
        self._away_since_s = None
        self._went_away.clear()
        for owner, held in self._held.items():
            for account in held.by_kind.values():
                account.rejoin(now_s)
            self._owes(owner, held, now_s)
        log.warning("limit_store_back", away_s=round(away_s or 0, 1))

    def _owes(self, owner: Owner, held: Accounts, now_s: float) -> None:
        if held.owes_since_s is None:
            held.owes_since_s = now_s
        self._owing[owner] = held

    def _of(self, owner: Owner, limits: tuple[Limit, ...], now_s: float) -> Accounts:
        held = self._held.get(owner)
        if held is None:
            held = self._held[owner] = Accounts(_key(self._region, owner), limits, now_s)
            for forgotten in forget_idle(self._held, now_s):
                self._owing.pop(forgotten, None)
            return held
        self._held.move_to_end(owner)
        if held.limits is not limits and held.limits != limits:
            held.change(limits, now_s)
        return held


def _key(region: str, owner: Owner) -> bytes:
    """A hash, so that the store learns no project's id. The parts have no line breaks."""
    return b"domicile:limits:" + hashlib.sha256("\n".join((region, *owner)).encode()).digest()[:16].hex().encode()
