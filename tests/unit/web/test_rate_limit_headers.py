"""OpenAI's headers of rate limits."""

import pytest

from domicile.kernel.errors import Category, DomicileError
from domicile.kernel.rate_limits import LimitStanding, RateLimitStanding
from domicile.web.error_rendering import render
from domicile.web.rate_limit_headers import go_duration, rate_limit_headers


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "1ms"),
        (0.012, "12ms"),
        (0.9999, "1s"),
        (1.5, "1.5s"),
        (33.023, "33.023s"),
        (60, "1m0s"),
        (360, "6m0s"),
        (90.25, "1m30.25s"),
        (86_399, "23h59m59s"),
        (3600, "1h0m0s"),
    ],
)
def test_durations_have_gos_form(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text


def test_both_limits_are_told() -> None:
    standing = RateLimitStanding(LimitStanding(10, 9, 6.0), LimitStanding(1000, 400, 36.0))
    assert rate_limit_headers(standing) == {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "9",
        "x-ratelimit-reset-requests": "6s",
        "x-ratelimit-limit-tokens": "1000",
        "x-ratelimit-remaining-tokens": "400",
        "x-ratelimit-reset-tokens": "36s",
    }
    assert len(rate_limit_headers(RateLimitStanding(LimitStanding(1, 0, 60.0), None))) == 3


def test_a_refusal_says_when_to_come_again() -> None:
    standing = RateLimitStanding(LimitStanding(10, 0, 60.0), None)
    error = DomicileError(Category.RATE_LIMITED, "x", "y", retry_after_s=5.25, standing=standing)
    headers = dict(render(error).headers)
    assert (headers["retry-after"], headers["retry-after-ms"]) == ("6", "5250")
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert "x-should-retry" not in headers
    assert "retry-after-ms" not in dict(render(DomicileError(Category.UNAVAILABLE, "x", "y", retry_after_s=5)).headers)


def test_what_cannot_succeed_later_is_not_tried_again() -> None:
    headers = dict(render(DomicileError(Category.RATE_LIMITED, "x", "y", is_final=True)).headers)
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers
