"""Limits of a project and model: what is taken, what comes back, and what is refused (contract C19)."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.usage import Usage
from domicile.catalogue.rate_limits import RateLimits
from domicile.data_plane.limits import quotas
from domicile.data_plane.limits.bucket import Bucket
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.quotas import LocalQuotas
from domicile.data_plane.limits.rate_limiter import RateLimiter
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.limits.scale_tier import ScaleTier
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.errors import Category, DomicileError
from tests.unit.data_plane.region_parts import SetClock, project_record
from tests.unit.data_plane.test_routing import reservation

SMALL = RateLimits(requests_per_minute=5, tokens_per_minute=1000)


class Limited:
    """A limiter, its time and its limits, which a test sets."""

    def __init__(self, limits: RateLimits = SMALL) -> None:
        self.now_s = 1000.0
        self.limits = limits
        self.quotas = LocalQuotas(lambda: self.now_s)
        self.clock = SetClock()
        self.limiter = RateLimiter(lambda _admission: self.limits, self.quotas, ScaleTier(self.quotas, self.clock))

    def reserve(self, tokens: int = 0, *, project: str = "", model: str = "gpt-4", **demand: int) -> Reservation:
        return asyncio.run(self.limiter.reserve(admission(model, project), Demand(tokens, **demand)))

    def settle(self, reserved: Reservation, usage: Usage) -> None:
        asyncio.run(self.limiter.settle(reserved, usage))

    def refusal(self, tokens: int = 0, **members: int) -> DomicileError:
        with pytest.raises(DomicileError) as caught:
            self.reserve(tokens, **members)  # type: ignore[arg-type]
        assert caught.value.category is Category.RATE_LIMITED
        assert caught.value.code == "rate_limit_exceeded"
        return caught.value


def admission(model: str, project: str) -> Admission:
    made = reservation(model).admission
    if not project:
        return made
    return replace(made, caller=replace(made.caller, project=project_record(project_id=project)))


def test_requests_are_refused_beyond_their_limit_and_come_back_bit_by_bit() -> None:
    limited = Limited()
    for left in (4, 3, 2, 1, 0):
        standing = limited.reserve().standing
        assert standing is not None
        assert (standing.requests.limit, standing.requests.remaining) == (5, left)
        assert standing.requests.reset_s == pytest.approx((5 - left) * 12)
    error = limited.refusal()
    assert error.retry_after_s == pytest.approx(12)
    assert "requests per min (RPM): Limit 5, Used 5, Requested 1" in error.message
    assert error.standing is not None
    assert (error.standing.requests.remaining, error.is_final) == (0, False)
    limited.now_s += 12
    limited.reserve()
    limited.refusal()


def test_tokens_are_held_from_the_beginning_and_the_rest_comes_back() -> None:
    limited = Limited()
    first = limited.reserve(700)
    assert limited.refusal(400).message.startswith(
        "Rate limit reached for gpt-4 in your project on tokens per min (TPM): Limit 1000, Used 700, Requested 400."
    )
    limited.settle(first, Usage(input_tokens=50, output_tokens=150))
    second = limited.reserve(800)
    assert second.standing is not None
    assert second.standing.tokens is not None
    assert second.standing.tokens.remaining == 0


def test_what_was_used_beyond_the_reservation_is_taken_too() -> None:
    limited = Limited()
    limited.settle(limited.reserve(100), Usage(input_tokens=400, output_tokens=900))
    error = limited.refusal(1)
    # 301 tokens are lacking, and a second brings 1000/60.
    assert error.retry_after_s == pytest.approx(301 * 60 / 1000)


def test_a_request_that_did_nothing_gives_all_tokens_back() -> None:
    limited = Limited()
    limited.settle(limited.reserve(1000), Usage())
    limited.reserve(1000)


def test_a_request_that_is_more_than_the_limit_is_final() -> None:
    limited = Limited()
    error = limited.refusal(1001)
    assert (error.retry_after_s, error.is_final) == (None, True)
    assert "Request too large" in error.message
    # It took nothing, the request itself neither.
    for _ in range(5):
        limited.reserve()


@pytest.mark.parametrize(
    ("limits", "demand", "text", "window_s"),
    [
        (RateLimits(requests_per_day=2), {}, "requests per day (RPD): Limit 2", 86_400),
        (RateLimits(images_per_minute=4), {"images": 2}, "images per min: Limit 4", 60),
        (RateLimits(audio_megabytes_per_minute=1), {"audio_bytes": 500_000}, "audio per min: Limit 1000000", 60),
    ],
)
def test_the_other_limits(limits: RateLimits, demand: dict[str, int], text: str, window_s: int) -> None:
    limited = Limited(limits)
    limited.reserve(**demand)  # type: ignore[arg-type]
    limited.reserve(**demand)  # type: ignore[arg-type]
    error = limited.refusal(**demand)
    assert text in error.message
    assert error.retry_after_s == pytest.approx(window_s / 2)


def test_each_project_and_each_model_has_its_own() -> None:
    limited = Limited(RateLimits(requests_per_minute=1))
    for project in ("proj_" + "A" * 24, "proj_" + "B" * 24):
        for model in ("gpt-4", "gpt-4o"):
            limited.reserve(project=project, model=model)
    limited.refusal(project="proj_" + "A" * 24)  # type: ignore[arg-type]


def test_other_limits_act_at_once_and_what_was_taken_stays_taken() -> None:
    limited = Limited()
    for _ in range(3):
        limited.reserve()
    limited.limits = RateLimits(requests_per_minute=4, tokens_per_minute=None)
    standing = limited.reserve().standing
    assert standing is not None
    assert (standing.requests.limit, standing.requests.remaining, standing.tokens) == (4, 0, None)
    limited.refusal()
    limited.limits = RateLimits(requests_per_minute=60)
    for _ in range(56):
        limited.reserve()
    limited.refusal()


def test_only_what_is_full_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "HELD_MAX", 2)
    limited = Limited(RateLimits(requests_per_minute=1))
    models = ["gpt-4", "gpt-4o", "o1"]
    for model in models:
        limited.reserve(model=model)
    for model in models:
        with pytest.raises(DomicileError):
            limited.reserve(model=model)
    limited.now_s += 60
    limited.reserve(model="o3")
    assert len(limited.quotas._held) <= 2


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(0, 40)), max_size=60))
def test_in_no_minute_more_is_taken_than_twice_the_limit_and_in_the_long_run_the_limit(
    steps: list[tuple[float, int]],
) -> None:
    """A full bucket may be emptied at once and refills during the same minute: that is the bound of this kind of limit."""
    now_s, limit = 0.0, 40
    bucket, taken = Bucket(limit, 60.0, now_s), []
    for pause_s, amount in steps:
        now_s += pause_s
        wait_s = bucket.wait_s(amount, now_s)
        assert wait_s is not None
        assert (wait_s == 0.0) == (amount <= bucket.left(now_s))
        if wait_s == 0.0:
            bucket.take(amount)
            taken.append((now_s, amount))
        assert 0 <= bucket.reset_s(now_s) <= 60 + 1e-9
    for start, _ in taken:
        assert sum(amount for at, amount in taken if start <= at < start + 60) <= 2 * limit
    assert sum(amount for _, amount in taken) <= limit + now_s * limit / 60 + 1e-6


def test_an_amount_that_was_waited_for_is_there() -> None:
    bucket = Bucket(7, 60.0, 0.0)
    bucket.left(0.0)
    bucket.take(7)
    wait_s = bucket.wait_s(3, 0.0)
    assert wait_s == pytest.approx(180 / 7)
    assert wait_s is not None
    assert bucket.left(wait_s + 1e-9) >= 3
