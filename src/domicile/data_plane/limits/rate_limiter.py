"""Rate limits of a project and model, held in the memory of this process.

A request takes what it may use at most before it runs, and gives back the rest once its usage is known. So the limits hold
whatever runs at the same time, and a stream that is cut pays for what it used.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum

from domicile.boundary.rate_limits import effective_rate_limits
from domicile.boundary.usage import ServiceTier, Usage
from domicile.catalogue.rate_limits import RateLimits
from domicile.data_plane import region_errors
from domicile.data_plane.limits.bucket import Bucket
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.errors import DomicileError
from domicile.kernel.rate_limits import LimitStanding, RateLimitStanding

_MINUTE_S = 60.0
_DAY_S = 86_400.0
_MEGABYTE = 1_000_000
HELD_MAX = 20_000
"""Projects and models whose buckets are held. Beyond it the one that asked longest ago is forgotten, once it is full."""


class _Kind(IntEnum):
    """A limit: its place in a request's demands and in `_limits`."""

    REQUESTS = 0
    TOKENS = 1
    REQUESTS_A_DAY = 2
    IMAGES = 3
    AUDIO = 4


_NAMES = (
    "requests per min (RPM)",
    "tokens per min (TPM)",
    "requests per day (RPD)",
    "images per min",
    "bytes of audio per min",
)
_WINDOWS_S = (_MINUTE_S, _MINUTE_S, _DAY_S, _MINUTE_S, _MINUTE_S)


class _Held:
    """The buckets of one project and model, under the limits that were in force when it last asked."""

    __slots__ = ("buckets", "limits")

    def __init__(self, limits: RateLimits, now_s: float) -> None:
        self.limits = limits
        self.buckets: dict[int, Bucket] = {}
        self.change(limits, now_s)

    def change(self, limits: RateLimits, now_s: float) -> None:
        """Other limits from now on. What was taken stays taken."""
        self.limits = limits
        for kind, limit in enumerate(_limits(limits)):
            bucket = self.buckets.get(kind)
            if limit is None:
                self.buckets.pop(kind, None)
            elif bucket is None:
                self.buckets[kind] = Bucket(limit, _WINDOWS_S[kind], now_s)
            else:
                bucket.change(limit, now_s)

    def is_idle(self, now_s: float) -> bool:
        """Whether all of it is left, as if it had never asked."""
        return all(bucket.left(now_s) >= bucket.limit for bucket in self.buckets.values())


class RateLimiter:
    """The `Limits` of one process."""

    def __init__(
        self, limits_of: Callable[[Admission], RateLimits], now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """`limits_of`: those in force for the project and model now. `now_s`: a monotonic clock, in seconds."""
        self._limits_of = limits_of
        self._now_s = now_s
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()

    async def reserve(self, admission: Admission, demand: Demand) -> Reservation:
        """Take what the request may use at most. Raises 429 when a limit has less left; nothing is taken then."""
        now_s = self._now_s()
        buckets = self._of(admission, now_s).buckets
        demands = (1, demand.tokens, 1, demand.images, demand.audio_bytes)
        for kind, bucket in buckets.items():
            if demands[kind] > bucket.left(now_s):
                raise _refusal(admission.model.name, buckets, kind, demands[kind], now_s)
        for kind, bucket in buckets.items():
            bucket.take(demands[kind])
        return Reservation(admission, ServiceTier.DEFAULT, demand, _standing(buckets, now_s))

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Give back the tokens that were not used, or take those that were used beyond the reservation."""
        now_s = self._now_s()
        tokens = self._of(reservation.admission, now_s).buckets.get(_Kind.TOKENS)
        if tokens is not None:
            tokens.left(now_s)
            tokens.take(usage.input_tokens + usage.output_tokens - reservation.demand.tokens)

    def _of(self, admission: Admission, now_s: float) -> _Held:
        name, limits = (admission.caller.project.project_id, admission.model.name), self._limits_of(admission)
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = _Held(limits, now_s)
            self._forget_idle(now_s)
            return held
        self._held.move_to_end(name)
        if held.limits is not limits and held.limits != limits:
            held.change(limits, now_s)
        return held

    def _forget_idle(self, now_s: float) -> None:
        while len(self._held) > HELD_MAX:
            name, oldest = next(iter(self._held.items()))
            if not oldest.is_idle(now_s):
                return
            del self._held[name]


def rate_limits_of(admission: Admission) -> RateLimits:
    """The limits in force for the project and model, by the snapshot that admitted the request."""
    own, model = admission.caller.project.rate_limits, admission.model
    return effective_rate_limits(own, model.name, model.rate_limits) if own else model.rate_limits


def _limits(limits: RateLimits) -> tuple[int | None, ...]:
    megabytes = limits.audio_megabytes_per_minute
    return (
        limits.requests_per_minute,
        limits.tokens_per_minute,
        limits.requests_per_day,
        limits.images_per_minute,
        None if megabytes is None else megabytes * _MEGABYTE,
    )


def _refusal(model: str, buckets: dict[int, Bucket], kind: int, amount: int, now_s: float) -> DomicileError:
    bucket, standing = buckets[kind], _standing(buckets, now_s)
    wait_s = bucket.wait_s(amount, now_s)
    if wait_s is None:
        return region_errors.request_over_rate_limit(model, _NAMES[kind], bucket.limit, amount, standing)
    used = bucket.limit - math.floor(bucket.left(now_s))
    return region_errors.rate_limited(model, _NAMES[kind], bucket.limit, used, amount, wait_s=wait_s, standing=standing)


def _standing(buckets: dict[int, Bucket], now_s: float) -> RateLimitStanding:
    tokens = buckets.get(_Kind.TOKENS)
    return RateLimitStanding(
        _limit_standing(buckets[_Kind.REQUESTS], now_s), None if tokens is None else _limit_standing(tokens, now_s)
    )


def _limit_standing(bucket: Bucket, now_s: float) -> LimitStanding:
    return LimitStanding(bucket.limit, max(0, math.floor(bucket.left(now_s))), bucket.reset_s(now_s))
