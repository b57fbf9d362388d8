"""The histogram of times to the first token: buckets, and quantiles read from them."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domicile.boundary.service_levels import FIRST_TOKEN_EDGES_MS, first_token_bucket, first_token_quantile


def test_the_edges_rise_by_a_tenth_and_never_change() -> None:
    """They are stored with the counters: other edges would give old counters another meaning."""
    assert (FIRST_TOKEN_EDGES_MS[:4], FIRST_TOKEN_EDGES_MS[-1]) == ((10, 11, 12, 13), 64_288)
    assert len(FIRST_TOKEN_EDGES_MS) == 93
    assert list(FIRST_TOKEN_EDGES_MS) == sorted(set(FIRST_TOKEN_EDGES_MS))


@given(st.integers(0, 200_000))
def test_a_time_lies_in_the_bucket_below_whose_edge_it_is(milliseconds: int) -> None:
    bucket = first_token_bucket(milliseconds)
    assert bucket == len(FIRST_TOKEN_EDGES_MS) or milliseconds <= FIRST_TOKEN_EDGES_MS[bucket]
    assert bucket == 0 or milliseconds > FIRST_TOKEN_EDGES_MS[bucket - 1]


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_quantile_is_at_most_a_tenth_off(share: float) -> None:
    chance = random.Random(42)
    times = sorted(round(chance.lognormvariate(6, 0.8)) for _ in range(5_000))
    found = first_token_quantile(dict(Counter(map(first_token_bucket, times))), share)
    assert found == pytest.approx(times[int(share * len(times))], rel=0.1)


def test_quantiles_at_the_ends() -> None:
    assert first_token_quantile({}, 0.5) is None
    assert first_token_quantile({len(FIRST_TOKEN_EDGES_MS): 3}, 0.5) == FIRST_TOKEN_EDGES_MS[-1]
    assert first_token_quantile({0: 1}, 0.99) == 10
