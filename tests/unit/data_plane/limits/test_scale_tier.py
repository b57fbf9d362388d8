"""Scale Tier: which requests bought capacity covers, what they take of it, and what the others are told (contract C19)."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.usage import ServiceTier, Usage
from domicile.catalogue.rate_limits import RateLimits
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.entitlements import EntitledModels
from domicile.data_plane.limits.quotas import LocalQuotas
from domicile.data_plane.limits.rate_limiter import RateLimiter
from domicile.data_plane.limits.reservation import Reservation, Unlimited
from domicile.data_plane.limits.scale_tier import ScaleTier
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.errors import Category, DomicileError
from domicile.kernel.rank import Rank
from tests.unit.data_plane.region_parts import (
    NOW_MS,
    PROJECT,
    Publisher,
    SetClock,
    project_record,
    shards_for,
    snapshot_table,
)
from tests.unit.data_plane.test_routing import MODEL, reservation

pytestmark = pytest.mark.contract("C19")

HOUR_MS = 3_600_000


def entitlement(number: int = 1, **members: Any) -> Entitlement:
    values: dict[str, Any] = {
        "entitlement_id": f"ent_{number:024}",
        "models": (MODEL,),
        "input_tokens_per_minute": 1_000,
        "output_tokens_per_minute": 100,
        "from_ms": NOW_MS - HOUR_MS,
        "until_ms": NOW_MS + HOUR_MS,
        **members,
    }
    return Entitlement(**values)


class Scaled:
    """A limiter with entitlements, and its time."""

    def __init__(self, *bought: Entitlement, limits: RateLimits | None = None, **project: Any) -> None:
        self.now_s = 1000.0
        self.clock = SetClock()
        self.project = project_record(entitlements=bought, **project)
        quotas = LocalQuotas(lambda: self.now_s)
        found = limits or RateLimits(requests_per_minute=100, tokens_per_minute=10_000)
        self.limiter = RateLimiter(lambda _admission: found, quotas, ScaleTier(quotas, self.clock))

    def reserve(self, tier: str | None = None, inputs: int = 10, outputs: int = 10, model: str = MODEL) -> Reservation:
        made = reservation(model, service_tier=tier).admission
        made = replace(made, caller=replace(made.caller, project=self.project))
        return asyncio.run(self.limiter.reserve(made, Demand(inputs, outputs)))

    def settle(self, reserved: Reservation, inputs: int, outputs: int) -> None:
        asyncio.run(self.limiter.settle(reserved, Usage(input_tokens=inputs, output_tokens=outputs)))

    def refusal(self, *asked: Any, **members: Any) -> DomicileError:
        with pytest.raises(DomicileError) as caught:
            self.reserve(*asked, **members)
        return caught.value


def tiers(scaled: Scaled, *asked: str | None, **members: Any) -> list[str]:
    return [scaled.reserve(each, **members).tier.value for each in asked]


def test_auto_and_absent_and_scale_use_the_entitlement_and_default_never() -> None:
    scaled = Scaled(entitlement())
    assert tiers(scaled, None, "auto", "scale", "default") == ["scale", "scale", "scale", "default"]
    covered = scaled.reserve("scale")
    assert covered.entitlement == entitlement()
    assert (covered.rank, scaled.reserve("default").rank) == (Rank.SCALE, Rank.DEFAULT)


def test_beyond_the_entitlement_auto_runs_as_default_and_scale_is_told_so() -> None:
    scaled = Scaled(entitlement())
    assert tiers(scaled, "auto", "auto", outputs=60) == ["scale", "default"]
    error = scaled.refusal("scale", outputs=60)
    assert (error.category, error.code) == (Category.RATE_LIMITED, "rate_limit_exceeded")
    assert "Scale Tier entitlement used up" in error.message
    assert "output tokens per min: Limit 100, Used 60, Requested 60" in error.message
    # 20 tokens are lacking, and a second brings 100/60.
    assert error.retry_after_s == pytest.approx(12)
    assert error.standing is not None
    assert error.standing.requests.remaining == 98, "the refused one counts as no request"
    scaled.now_s += 12.1
    assert tiers(scaled, "scale", outputs=60) == ["scale"]


def test_without_an_entitlement_scale_is_400_and_auto_runs_as_default() -> None:
    for scaled in (
        Scaled(),
        Scaled(entitlement(models=("gpt-4o-mini-2024-07-18",))),
        Scaled(entitlement(until_ms=NOW_MS)),
        Scaled(entitlement(from_ms=NOW_MS + 1)),
        Scaled(entitlement(output_tokens_per_minute=0)),
    ):
        assert tiers(scaled, None, "auto", "default") == ["default"] * 3
        error = scaled.refusal("scale")
        assert (error.category, error.param, error.code) == (
            Category.INVALID,
            "service_tier",
            "service_tier_not_allowed",
        )


def test_an_entitlement_begins_and_ends_by_the_regions_time() -> None:
    scaled = Scaled(entitlement(from_ms=NOW_MS + 1000, until_ms=NOW_MS + 2000))
    assert tiers(scaled, None) == ["default"]
    scaled.clock.ms += 1000
    assert tiers(scaled, None) == ["scale"]
    scaled.clock.ms += 1000
    assert tiers(scaled, None) == ["default"]


def test_a_project_may_keep_its_entitlement_for_requests_that_name_it() -> None:
    scaled = Scaled(entitlement(), auto_tier=ServiceTier.DEFAULT)
    assert tiers(scaled, None, "auto", "default", "scale") == ["default", "default", "default", "scale"]


def test_what_is_not_used_comes_back_to_the_entitlement_it_was_taken_from() -> None:
    scaled = Scaled(entitlement())
    first = scaled.reserve("scale", 1_000, 100)
    assert tiers(scaled, "auto", inputs=0, outputs=1) == ["default"]
    scaled.settle(first, 400, 30)
    assert tiers(scaled, "scale", inputs=600, outputs=70) == ["scale"]
    assert "input tokens per min: Limit 1000, Used 1000" in scaled.refusal("scale", 1, 0).message


def test_more_than_a_minute_is_lent_once_and_paid_back() -> None:
    scaled = Scaled(entitlement())
    first = scaled.reserve("scale", 10, 16_384)
    scaled.settle(first, 10, 150)
    error = scaled.refusal("scale", 10, 16_384)
    assert "Requested 100" in error.message
    assert error.retry_after_s == pytest.approx(150 * 60 / 100)


def test_tokens_of_an_entitlement_do_not_count_against_the_default_limit_and_requests_do() -> None:
    limits = RateLimits(requests_per_minute=3, tokens_per_minute=50)
    scaled = Scaled(entitlement(), limits=limits)
    assert tiers(scaled, "scale", inputs=500, outputs=20) == ["scale"]
    # The default limit is used beyond what it has: bought capacity is there all the same.
    spent = scaled.reserve("default", 25, 25)
    scaled.settle(spent, 500, 0)
    assert tiers(scaled, "scale", inputs=100, outputs=20) == ["scale"]
    error = scaled.refusal("scale", inputs=400, outputs=60)
    assert "requests per min (RPM): Limit 3, Used 3" in error.message
    scaled.now_s += 20
    # The refused request took nothing of the entitlement. (A third of a minute has brought some back, too.)
    assert tiers(scaled, "scale", inputs=400, outputs=60) == ["scale"]


def test_of_several_entitlements_the_one_that_ends_first_is_used_first() -> None:
    later, sooner = entitlement(1), entitlement(2, until_ms=NOW_MS + 1)
    scaled = Scaled(later, sooner)
    used = [scaled.reserve("auto", outputs=60).entitlement for _ in range(3)]
    assert used == [sooner, later, None]


def test_an_entitlement_for_several_models_is_one_bucket() -> None:
    scaled = Scaled(entitlement(models=(MODEL, "gpt-4")))
    assert tiers(scaled, "auto", outputs=60) == ["scale"]
    assert scaled.reserve("auto", outputs=60, model="gpt-4").tier is ServiceTier.DEFAULT
    assert scaled.reserve("auto", outputs=40, model="gpt-4").tier is ServiceTier.SCALE


def test_a_line_of_a_batch_runs_as_default_and_may_not_insist() -> None:
    limits = Unlimited()
    for tier in (None, "auto", "default"):
        made = reservation(service_tier=tier).admission
        assert asyncio.run(limits.reserve(made, Demand())).tier is ServiceTier.DEFAULT
    with pytest.raises(DomicileError) as caught:
        asyncio.run(limits.reserve(reservation(service_tier="scale").admission, Demand()))
    assert (caught.value.param, caught.value.category) == ("service_tier", Category.INVALID)


def test_the_models_with_capacity_follow_the_snapshot_and_the_time() -> None:
    snapshots, clock = CurrentSnapshot(), SetClock()
    models = EntitledModels(snapshots, clock)
    assert not models.include_any([MODEL])
    plain = shards_for()
    project = next(shard for shard in plain if shard.projects)
    bought = (entitlement(from_ms=NOW_MS + 2000, until_ms=NOW_MS + 4000),)
    sold = msgspec.structs.replace(project, projects=(project_record(entitlements=bought),))
    manifest = Publisher().manifest(plain)
    table = snapshot_table(*plain).replaced(manifest, [project], [sold])
    assert table.entitlements == {PROJECT: bought}
    snapshots.swap(table)
    found = []
    for _ in range(5):
        clock.ms += 1000
        found.append((models.include_any([MODEL, "gpt-4"]), models.include_any(["gpt-4"])))
    assert [each for each, _ in found] == [False, True, True, False, False]
    assert not any(other for _, other in found)
    assert table.replaced(manifest, [sold], [project]).entitlements == {}
