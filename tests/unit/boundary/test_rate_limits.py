"""Limits of a project's own may only be lower than the catalogue's."""

from domicile.boundary.rate_limits import ProjectRateLimit, effective_rate_limits
from domicile.catalogue.rate_limits import RateLimits

CATALOGUE = RateLimits(requests_per_minute=100, tokens_per_minute=None, images_per_minute=8)


def test_of_each_kind_the_lower_one_is_in_force() -> None:
    own = ProjectRateLimit("a", requests_per_minute=200, tokens_per_minute=50, images_per_minute=3)
    # The operator has lowered the first since.
    assert effective_rate_limits([own], "a", CATALOGUE) == RateLimits(100, 50, images_per_minute=3)


def test_another_models_limits_are_not_this_ones() -> None:
    assert effective_rate_limits([ProjectRateLimit("a", requests_per_minute=1)], "b", CATALOGUE) is CATALOGUE


def test_what_is_not_set_is_the_catalogues() -> None:
    assert effective_rate_limits([ProjectRateLimit("a", requests_per_day=9)], "a", CATALOGUE) == RateLimits(
        100, None, requests_per_day=9, images_per_minute=8
    )
