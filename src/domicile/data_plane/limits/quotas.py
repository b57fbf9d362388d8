"""The port of counted limits: how much of each quantity an owner may still take.

`RateLimiter` says who may use what, and puts refusals into words. A `Quotas` counts, alone or together with the other processes
of the region.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeVar

from domicile.data_plane.limits.bucket import Bucket

HELD_MAX = 20_000
"""Owners whose buckets are held. Beyond it the one that asked longest ago is forgotten, once it is full."""

Owner = tuple[str, ...]
"""Who has the limits: a project and a model, and a word where the two have several sets of limits."""


class Kind(IntEnum):
    """What a limit counts: its place in a request's amounts."""

    REQUESTS = 0
    TOKENS = 1
    REQUESTS_A_DAY = 2
    IMAGES = 3
    AUDIO_BYTES = 4
    INPUT_TOKENS = 5
    OUTPUT_TOKENS = 6


class Limit(NamedTuple):
    """At most `limit` of a kind in each window. It fills up continuously."""

    kind: Kind
    limit: int
    window_s: float


class Standing(NamedTuple):
    """Where an owner stands at one limit."""

    limit: int
    left: float
    """Negative after requests that used more than they had reserved."""
    reset_s: float
    """Seconds until it is full again."""


class Refusal(NamedTuple):
    """The first limit that has less left than was asked for."""

    kind: Kind
    wait_s: float | None
    """Seconds until the amount is left. None: it is more than the limit, so it never will be."""


class Answer(NamedTuple):
    """What became of an attempt to take amounts. With a refusal nothing was taken."""

    standings: dict[Kind, Standing]
    refusal: Refusal | None = None


class Quotas(Protocol):
    """Counts what owners take of their limits."""

    async def take(self, owner: Owner, limits: tuple[Limit, ...], amounts: tuple[int, ...]) -> Answer:
        """Take all amounts, or nothing. `amounts`: by kind. `limits`: those in force now; what was taken stays taken.

        An amount of 0 is never refused, also while less than nothing is left.
        """
        ...

    async def give_back(self, owner: Owner, limits: tuple[Limit, ...], kind: Kind, amount: int) -> None:
        """Give back what was taken but not used. A negative amount takes what was used beyond it, whatever is left."""
        ...


class Held(Protocol):
    """What a process holds of one owner."""

    def is_idle(self, now_s: float) -> bool:
        """Whether nothing would be lost if it were forgotten."""
        ...


HeldT = TypeVar("HeldT", bound=Held)


def forget_idle(held: OrderedDict[Owner, HeldT], now_s: float) -> list[Owner]:
    """Forget owners beyond `HELD_MAX`, those that asked longest ago first, and return them. Stops at one that is not idle."""
    forgotten = []
    while len(held) > HELD_MAX:
        owner, oldest = next(iter(held.items()))
        if not oldest.is_idle(now_s):
            break
        del held[owner]
        forgotten.append(owner)
    return forgotten


class LocalQuotas:
    """The `Quotas` of one process, in its memory: all of each limit, or a share. `take` and `give_back` never wait."""

    def __init__(
        self, now_s: Callable[[], float] = time.monotonic, fraction: Callable[[], float] = lambda: 1.0
    ) -> None:
        """`now_s`: a monotonic clock, in seconds. `fraction`: of each limit, that this process may use now."""
        self._now_s = now_s
        self._fraction = fraction
        self._held: OrderedDict[Owner, _Held] = OrderedDict()

    async def take(self, owner: Owner, limits: tuple[Limit, ...], amounts: tuple[int, ...]) -> Answer:
        """See `Quotas`."""
        now_s = self._now_s()
        return take_from(self._of(owner, limits, now_s), amounts, now_s)

    async def give_back(self, owner: Owner, limits: tuple[Limit, ...], kind: Kind, amount: int) -> None:
        """See `Quotas`."""
        now_s = self._now_s()
        bucket = self._of(owner, limits, now_s).get(kind)
        if bucket is not None:
            bucket.left(now_s)
            bucket.take(-amount)

    def _of(self, owner: Owner, limits: tuple[Limit, ...], now_s: float) -> dict[Kind, Bucket]:
        held, fraction = self._held.get(owner), self._fraction()
        if held is None:
            held = self._held[owner] = _Held(limits, now_s, fraction)
            forget_idle(self._held, now_s)
            return held.buckets
        self._held.move_to_end(owner)
        if held.fraction != fraction or (held.limits is not limits and held.limits != limits):
            held.change(limits, now_s, fraction)
        return held.buckets


class _Held:
    """The buckets of one owner, under the limits that were in force when it last asked."""

    __slots__ = ("buckets", "fraction", "limits")

    def __init__(self, limits: tuple[Limit, ...], now_s: float, fraction: float) -> None:
        self.buckets: dict[Kind, Bucket] = {}
        self.change(limits, now_s, fraction)

    def change(self, limits: tuple[Limit, ...], now_s: float, fraction: float) -> None:
        """Other limits, or another share of them, from now on. What was taken stays taken."""
        self.limits, self.fraction = limits, fraction
        before, self.buckets = self.buckets, {}
        for limit in limits:
            bucket = before.get(limit.kind)
            if bucket is None:
                bucket = Bucket(limit.limit, limit.window_s, now_s, fraction)
            else:
                bucket.change(limit.limit, now_s, fraction)
            self.buckets[limit.kind] = bucket

    def is_idle(self, now_s: float) -> bool:
        """Whether all of it is left, as if it had never asked."""
        return all(bucket.left(now_s) >= bucket.share for bucket in self.buckets.values())


def take_from(buckets: dict[Kind, Bucket], amounts: tuple[int, ...], now_s: float) -> Answer:
    """Take all amounts from the buckets, or nothing. A limit of which nothing is asked refuses nothing."""
    for kind, bucket in buckets.items():
        amount = amounts[kind]
        if amount and not bucket.has(amount, now_s):
            return Answer(_standings(buckets, now_s), Refusal(kind, bucket.wait_s(amount, now_s)))
    standings = {}
    for kind, bucket in buckets.items():
        amount = amounts[kind]
        left = bucket.take(amount) if amount else bucket.left(now_s)
        # What `reset_s` returns, without another look at the clock: this is most of what a reservation costs.
        standings[kind] = Standing(bucket.limit, left, (bucket.share - left) * bucket.window_s / bucket.share)
    return Answer(standings)


def _standings(buckets: dict[Kind, Bucket], now_s: float) -> dict[Kind, Standing]:
    return {kind: Standing(bucket.limit, bucket.left(now_s), bucket.reset_s(now_s)) for kind, bucket in buckets.items()}
