"""What one process knows of an owner's limits at the store: what it has leased, what it owes, and what it believes is left."""

import math
from typing import NamedTuple

from domicile.data_plane.limits.bucket import Bucket
from domicile.data_plane.limits.quotas import Kind, Limit, Refusal, Standing
from domicile.data_plane.limits.store import Ask, Given

LEASED_FROM = 1_000
"""Limits below it are asked of the store for each request, so they hold exactly."""
LEASE_PARTS = 50
"""A process leases at most this part of a limit at once."""
LEASED_FOR_S = 0.1
"""A lease is what the process has recently used in this time."""
LEASE_S = 1.0
"""A lease not used within this time goes back. It bounds what all leases of a minute's limit can add to it, to a sixtieth."""


class Account:
    """One limit of one owner. `left`: leased and not used. Times are those of one monotonic clock, in seconds."""

    __slots__ = (
        *("_believed", "_believed_s", "_spent", "_used", "_used_before", "_used_since_s"),
        *("bucket", "left", "limit", "owed"),
    )

    def __init__(self, limit: Limit, now_s: float) -> None:
        self.limit = limit
        self.left = 0
        self.owed = 0
        """What the store has to get back. Negative: what it has to be told was used."""
        self.bucket: Bucket | None = None
        """This process's share, while the store is away."""
        self._believed = float(limit.limit)
        self._believed_s = now_s
        self._spent = 0
        """Of the bucket."""
        self._used = 0
        self._used_since_s = now_s
        self._used_before = 0
        """In the period before, as if it had lasted for `LEASED_FOR_S`."""

    def change(self, limit: Limit, fraction: float, now_s: float) -> None:
        """Another limit from now on. What was taken stays taken."""
        self.lapse()
        self._believed = self._filled(now_s) + limit.limit - self.limit.limit
        self._believed_s = now_s
        self.limit = limit
        if self.bucket is not None:
            self.bucket.change(limit.limit, now_s, fraction)

    def use(self, amount: int) -> None:
        """Use what was leased."""
        self.left -= amount
        self._used += amount

    def lapse(self) -> None:
        """Owe the store the rest of the lease."""
        self.owed += self.left
        self.left = 0

    def ask(self, needed: int, now_s: float, *, lease: bool) -> Ask:
        """What to ask of the store now. What is owed counts as given back. `lease`: ask for more than is needed."""
        wanted, limit, lasted_s = 0, self.limit.limit, now_s - self._used_since_s
        self._used += needed
        if lasted_s >= LEASED_FOR_S:
            self._used_before = int(self._used * LEASED_FOR_S / lasted_s)
            self._used, self._used_since_s = 0, now_s
        if lease and limit >= LEASED_FROM:
            # In a first period each lease is as large as all use before it, so leases double.
            wanted = min(limit // LEASE_PARTS, max(self._used, self._used_before)) - self.left
            # A lease that does not serve the next request would only have to be given back.
            wanted = wanted if wanted >= needed else 0
        owed, self.owed = self.owed, 0
        return Ask(self.limit, owed, needed, wanted, self._filled(now_s))

    def answered(self, given: Given, now_s: float) -> None:
        """Record the store's answer to an ask."""
        self.left += given.extra
        self._believed, self._believed_s = given.left, now_s

    def unanswered(self, asked: Ask) -> None:
        """Record that an ask has failed. The store may have done it, so what was given back is not given back again."""
        self.owed += min(0, asked.returned)

    def standing(self, now_s: float) -> Standing:
        """Where the owner stands, as far as this process knows."""
        _, limit, window_s = self.limit
        if self.bucket is not None:
            return Standing(limit, self.bucket.left(now_s), self.bucket.reset_s(now_s))
        # What the store has given to others since is not known here.
        left = self._believed + (now_s - self._believed_s) * limit / window_s + self.left
        return Standing(limit, left, (limit - left) * window_s / limit) if left < limit else Standing(limit, limit, 0.0)

    def share(self, fraction: float, now_s: float) -> Bucket:
        """The bucket of this process while the store is away. It begins with the part that was left of the limit."""
        if self.bucket is None:
            limit = self.limit
            self.bucket = Bucket(limit.limit, limit.window_s, now_s, fraction)
            self.bucket.take((limit.limit - self._filled(now_s)) * fraction)
        return self.bucket

    def spend(self, amount: int) -> None:
        """Record that the amount was taken from the bucket, or given back to it when it is negative."""
        self._spent += amount

    def rejoin(self, now_s: float) -> None:
        """The store is back: owe it what was used of the share, as far as it would not have filled up since."""
        if self.bucket is not None:
            self.owed -= max(0, min(self._spent, math.ceil(self.bucket.share - self.bucket.left(now_s))))
            self.bucket, self._spent = None, 0

    def is_idle(self, now_s: float) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        return not self.left and not self.owed and self._filled(now_s) >= self.limit.limit and self.bucket is None

    def _filled(self, now_s: float) -> float:
        limit = self.limit
        return min(float(limit.limit), self._believed + (now_s - self._believed_s) * limit.limit / limit.window_s)


class Refused(NamedTuple):
    """A refusal of the store, which holds for a moment without asking again."""

    kind: Kind
    amount: int
    until_s: float
    ready_s: float
    """When the amount will be left."""


class Accounts:
    """All limits of one owner in one process."""

    __slots__ = ("by_kind", "fraction", "is_asking", "key", "leased_until_s", "limits", "owes_since_s", "refused")

    def __init__(self, key: bytes, limits: tuple[Limit, ...], now_s: float) -> None:
        """`key`: their name at the store."""
        self.key = key
        self.limits = limits
        self.by_kind: dict[Kind, Account] = {limit.kind: Account(limit, now_s) for limit in limits}
        self.fraction = 1.0
        """Of the limits, that this process may use while the store is away."""
        self.leased_until_s = now_s
        self.owes_since_s: float | None = None
        self.is_asking = False
        """Whether an ask for a lease is on its way."""
        self.refused: Refused | None = None

    def change(self, limits: tuple[Limit, ...], now_s: float) -> None:
        """Other limits from now on. What was taken stays taken."""
        before, self.limits, self.refused = self.by_kind, limits, None
        self.by_kind = {limit.kind: before.get(limit.kind) or Account(limit, now_s) for limit in limits}
        for limit in limits:
            self.by_kind[limit.kind].change(limit, self.fraction, now_s)

    def use(self, amounts: tuple[int, ...]) -> bool:
        """Use the lease, if it is enough for all amounts."""
        for kind, account in self.by_kind.items():
            if amounts[kind] > account.left:
                return False
        for kind, account in self.by_kind.items():
            if amounts[kind]:
                account.use(amounts[kind])
        return True

    def still_refused(self, refused: Refused, amounts: tuple[int, ...], now_s: float) -> Refusal | None:
        """The refusal of amounts that are no less than those that the store has just refused."""
        kind, least, until_s, ready_s = refused
        amount, (_, limit, window_s) = amounts[kind], self.by_kind[kind].limit
        if now_s >= until_s or amount < least:
            return None
        return Refusal(kind, None if amount > limit else ready_s - now_s + (amount - least) * window_s / limit)

    def lapse(self) -> None:
        """Owe the store the rest of the lease."""
        for account in self.by_kind.values():
            account.lapse()

    def standings(self, now_s: float) -> dict[Kind, Standing]:
        """Where the owner stands, as far as this process knows."""
        return {kind: account.standing(now_s) for kind, account in self.by_kind.items()}

    def buckets(self, fraction: float, now_s: float) -> dict[Kind, Bucket]:
        """The buckets of this process while the store is away."""
        if fraction != self.fraction:
            self.fraction = fraction
            for account in self.by_kind.values():
                if account.bucket is not None:
                    account.bucket.change(account.limit.limit, now_s, fraction)
        return {kind: account.share(fraction, now_s) for kind, account in self.by_kind.items()}

    @property
    def holds_something(self) -> bool:
        """Whether there is something to give back to the store, or to tell it."""
        return any(account.left or account.owed for account in self.by_kind.values())

    def is_idle(self, now_s: float) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        return all(account.is_idle(now_s) for account in self.by_kind.values())
