"""Rate limits of a project and model: what a request asks of them, and what its caller is told.

A request takes what it may use at most before it runs, and gives back the rest once its usage is known. So the limits hold
whatever runs at the same time, and a stream that is cut pays for what it used.
"""

import math
from collections.abc import Callable

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.rate_limits import effective_rate_limits
from domicile.boundary.usage import ServiceTier, Usage
from domicile.catalogue.rate_limits import RateLimits
from domicile.data_plane import region_errors
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.quotas import Answer, Kind, Limit, Owner, Quotas, Refusal, Standing
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.limits.scale_tier import ScaleTier, may_be_scale
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.errors import DomicileError
from domicile.kernel.rate_limits import LimitStanding, RateLimitStanding

_MINUTE_S = 60.0
_DAY_S = 86_400.0
_MEGABYTE = 1_000_000
_PREPARED_MAX = 4096
"""Sets of limits whose tuples are kept. There are a few dozen, unless many projects have limits of their own."""
_NO_AMOUNTS = (0,) * len(Kind)
_NAMES = (
    "requests per min (RPM)",
    "tokens per min (TPM)",
    "requests per day (RPD)",
    "images per min",
    "bytes of audio per min",
)


class RateLimiter:
    """The `Limits` of a region's requests."""

    def __init__(self, limits_of: Callable[[Admission], RateLimits], quotas: Quotas, scale_tier: ScaleTier) -> None:
        """`limits_of`: those in force for the project and model now. `quotas`: counts them."""
        self._limits_of = limits_of
        self._quotas = quotas
        self._scale_tier = scale_tier
        self._prepared: dict[RateLimits, tuple[Limit, ...]] = {}

    async def reserve(self, admission: Admission, demand: Demand) -> Reservation:
        """Take what the request may use at most. Raises 429 when a limit has less left; nothing is taken then.

        Tokens come from an entitlement where one covers the request, else from the limit of tokens per minute.
        """
        # Most projects have bought nothing, and this is on the path of every request.
        entitlement = await self._entitlement(admission, demand) if may_be_scale(admission) else None
        tokens = demand.tokens if entitlement is None else 0
        amounts = (1, tokens, 1, demand.images, demand.audio_bytes, 0, 0)
        answer = await self._take(admission, amounts)
        if answer.refusal is not None:
            if entitlement is not None:
                await self._scale_tier.settle(admission, entitlement, demand, Usage())
            raise _refusal(admission.model.name, answer, answer.refusal, amounts[answer.refusal.kind])
        tier = ServiceTier.DEFAULT if entitlement is None else ServiceTier.SCALE
        return Reservation(admission, tier, demand, _shown(answer.standings), entitlement)

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Give back the tokens that were not used, or take those that were used beyond the reservation."""
        admission = reservation.admission
        if reservation.entitlement is not None:
            await self._scale_tier.settle(admission, reservation.entitlement, reservation.demand, usage)
            return
        rest = reservation.demand.tokens - usage.input_tokens - usage.output_tokens
        if rest:
            await self._quotas.give_back(_owner(admission), self._limits(admission), Kind.TOKENS, rest)

    async def _entitlement(self, admission: Admission, demand: Demand) -> Entitlement | None:
        try:
            return await self._scale_tier.reserve(admission, demand)
        except DomicileError as error:
            error.standing = _shown((await self._take(admission, _NO_AMOUNTS)).standings)
            raise

    async def _take(self, admission: Admission, amounts: tuple[int, ...]) -> Answer:
        return await self._quotas.take(_owner(admission), self._limits(admission), amounts)

    def _limits(self, admission: Admission) -> tuple[Limit, ...]:
        limits = self._limits_of(admission)
        prepared = self._prepared.get(limits)
        if prepared is None:
            if len(self._prepared) >= _PREPARED_MAX:
                self._prepared.clear()
            prepared = self._prepared[limits] = _limits(limits)
        return prepared


def rate_limits_of(admission: Admission) -> RateLimits:
    """The limits in force for the project and model, by the snapshot that admitted the request."""
    own, model = admission.caller.project.rate_limits, admission.model
    return effective_rate_limits(own, model.name, model.rate_limits) if own else model.rate_limits


def _owner(admission: Admission) -> Owner:
    return admission.caller.project.project_id, admission.model.name


def _limits(limits: RateLimits) -> tuple[Limit, ...]:
    megabytes = limits.audio_megabytes_per_minute
    values = (
        (Kind.REQUESTS, limits.requests_per_minute, _MINUTE_S),
        (Kind.TOKENS, limits.tokens_per_minute, _MINUTE_S),
        (Kind.REQUESTS_A_DAY, limits.requests_per_day, _DAY_S),
        (Kind.IMAGES, limits.images_per_minute, _MINUTE_S),
        (Kind.AUDIO_BYTES, None if megabytes is None else megabytes * _MEGABYTE, _MINUTE_S),
    )
    return tuple(Limit(kind, limit, window_s) for kind, limit, window_s in values if limit is not None)


def _refusal(model: str, answer: Answer, refusal: Refusal, amount: int) -> DomicileError:
    name, shown = _NAMES[refusal.kind], _shown(answer.standings)
    limit, left, _ = answer.standings[refusal.kind]
    if refusal.wait_s is None:
        return region_errors.request_over_rate_limit(model, name, limit, amount, shown)
    used = limit - math.floor(left)
    return region_errors.rate_limited(model, name, limit, used, amount, wait_s=refusal.wait_s, standing=shown)


def _shown(standings: dict[Kind, Standing]) -> RateLimitStanding:
    tokens = standings.get(Kind.TOKENS)
    return RateLimitStanding(_shown_one(standings[Kind.REQUESTS]), None if tokens is None else _shown_one(tokens))


def _shown_one(standing: Standing) -> LimitStanding:
    return LimitStanding(standing.limit, max(0, math.floor(standing.left)), standing.reset_s)
