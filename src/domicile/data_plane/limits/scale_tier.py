"""Scale Tier: takes a request's tokens from the capacity that its project has bought for the model (contract C19).

Each entitlement has two buckets of one minute, of input and of output tokens. A request takes the tokens that it may use at
most, and gives back the rest when its usage is known. A request that may use more than a minute's tokens starts with a full
bucket, and what it uses beyond that is missing in the next minutes. So a long answer is possible with one unit.
"""

import math

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.usage import ServiceTier, Usage
from domicile.data_plane import region_errors
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.entitlements import entitlements_of
from domicile.data_plane.limits.quotas import Answer, Kind, Limit, Owner, Quotas, Refusal
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.clock import Clock

_MINUTE_S = 60.0
_PREPARED_MAX = 4096
"""Entitlements whose limits are kept as tuples."""
_NAMES = {
    Kind.INPUT_TOKENS: "input tokens per min",
    Kind.OUTPUT_TOKENS: "output tokens per min",
}


class ScaleTier:
    """The entitlements of a region's projects, counted by `quotas`."""

    def __init__(self, quotas: Quotas, clock: Clock) -> None:
        self._quotas = quotas
        self._clock = clock
        self._prepared: dict[Entitlement, tuple[Limit, ...]] = {}

    async def reserve(self, admission: Admission, demand: Demand) -> Entitlement | None:
        """The entitlement that serves the request, after taking its tokens. None: the request runs in the default tier.

        A request that insists on the scale tier raises 400 when the project has no entitlement, 429 when none has room.
        """
        asked, project = requested_tier(admission), admission.caller.project
        if asked is ServiceTier.SCALE:
            return await self._take_or_raise(admission, demand)
        if asked is None and project.auto_tier is ServiceTier.SCALE:
            return await self._take_any(admission, demand)
        return None

    async def settle(self, admission: Admission, entitlement: Entitlement, demand: Demand, usage: Usage) -> None:
        """Give back the tokens that were not used, or take those that were used beyond the reservation."""
        owner, limits, taken = _owner(admission, entitlement), self._limits(entitlement), _amounts(entitlement, demand)
        for kind, used in ((Kind.INPUT_TOKENS, usage.input_tokens), (Kind.OUTPUT_TOKENS, usage.output_tokens)):
            if rest := taken[kind] - used:
                await self._quotas.give_back(owner, limits, kind, rest)

    async def _take_any(self, admission: Admission, demand: Demand) -> Entitlement | None:
        for entitlement in entitlements_of(admission, self._clock.now_ms()):
            answer = await self._take(admission, entitlement, demand)
            if answer is not None and answer.refusal is None:
                return entitlement
        return None

    async def _take_or_raise(self, admission: Admission, demand: Demand) -> Entitlement:
        refused: list[tuple[float, Refusal, Answer, int]] = []
        for entitlement in entitlements_of(admission, self._clock.now_ms()):
            answer = await self._take(admission, entitlement, demand)
            if answer is None:
                continue
            if answer.refusal is None:
                return entitlement
            amount = _amounts(entitlement, demand)[answer.refusal.kind]
            refused.append((answer.refusal.wait_s or 0.0, answer.refusal, answer, amount))
        if not refused:
            raise region_errors.scale_tier_not_allowed(admission.model.name)
        wait_s, refusal, answer, amount = min(refused, key=lambda each: each[0])
        limit, left, _ = answer.standings[refusal.kind]
        raise region_errors.entitlement_used_up(
            admission.model.name,
            _NAMES[refusal.kind],
            limit,
            limit - math.floor(left),
            amount,
            wait_s=wait_s,
        )

    async def _take(self, admission: Admission, entitlement: Entitlement, demand: Demand) -> Answer | None:
        """None when the entitlement has no tokens of a kind that the request needs."""
        amounts = _amounts(entitlement, demand)
        needed = (demand.input_tokens, amounts[Kind.INPUT_TOKENS]), (demand.output_tokens, amounts[Kind.OUTPUT_TOKENS])
        if any(asked and not taken for asked, taken in needed):
            return None
        return await self._quotas.take(_owner(admission, entitlement), self._limits(entitlement), amounts)

    def _limits(self, entitlement: Entitlement) -> tuple[Limit, ...]:
        found = self._prepared.get(entitlement)
        if found is None:
            if len(self._prepared) >= _PREPARED_MAX:
                self._prepared.clear()
            found = self._prepared[entitlement] = _limits(entitlement)
        return found


def may_be_scale(admission: Admission) -> bool:
    """Whether the request may run in the scale tier, or insists on it."""
    return bool(admission.caller.project.entitlements) or requested_tier(admission) is ServiceTier.SCALE


def requested_tier(admission: Admission) -> ServiceTier | None:
    """The tier that the request insists on. None: `auto`, which is also the tier of a request that names none."""
    asked = getattr(admission.request, "service_tier", None)
    return None if asked in {None, "auto"} else ServiceTier(asked)


def _owner(admission: Admission, entitlement: Entitlement) -> Owner:
    return admission.caller.project.project_id, entitlement.entitlement_id, "scale"


def _limits(entitlement: Entitlement) -> tuple[Limit, ...]:
    values = (
        (Kind.INPUT_TOKENS, entitlement.input_tokens_per_minute),
        (Kind.OUTPUT_TOKENS, entitlement.output_tokens_per_minute),
    )
    return tuple(Limit(kind, limit, _MINUTE_S) for kind, limit in values if limit)


def _amounts(entitlement: Entitlement, demand: Demand) -> tuple[int, ...]:
    """What the request takes, by kind: of each at most a minute's tokens."""
    inputs = min(demand.input_tokens, entitlement.input_tokens_per_minute)
    return 0, 0, 0, 0, 0, inputs, min(demand.output_tokens, entitlement.output_tokens_per_minute)
