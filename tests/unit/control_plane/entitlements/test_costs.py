"""What sold units cost in a span of time."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domicile.control_plane.entitlements.costs import unit_costs
from domicile.control_plane.entitlements.repository import SoldEntitlement

DAY_MS = 86_400_000


def sold(**members: int) -> SoldEntitlement:
    values: dict[str, int] = {
        "input_units": 2,
        "output_units": 3,
        "input_tokens_per_minute": 0,
        "output_tokens_per_minute": 0,
        "input_unit_price": 110_000_000_000,
        "output_unit_price": 36_000_000_000,
        "from_ms": 10 * DAY_MS,
        "until_ms": 40 * DAY_MS,
        "created_at_ms": 0,
        **members,
    }
    return SoldEntitlement(id="ent_1", organization_id="org-1", project_id="proj_1", models=("gpt-4",), **values)


def test_units_cost_their_price_for_each_day_and_part_of_a_day() -> None:
    a_day = 2 * 110_000_000_000 + 3 * 36_000_000_000
    assert unit_costs(sold(), 0, 50 * DAY_MS) == 30 * a_day
    assert unit_costs(sold(), 12 * DAY_MS, 13 * DAY_MS) == a_day
    assert unit_costs(sold(), 9 * DAY_MS, 10 * DAY_MS + DAY_MS // 4) == a_day // 4
    assert unit_costs(sold(), 0, 10 * DAY_MS) == unit_costs(sold(), 40 * DAY_MS, 90 * DAY_MS) == 0
    assert unit_costs(sold(until_ms=9 * DAY_MS), 0, 50 * DAY_MS) == 0, "ended before it began"


@given(st.lists(st.integers(0, 60 * DAY_MS), min_size=2, max_size=20), st.integers(0, 10**12))
def test_adjoining_spans_cost_what_the_whole_span_costs(edges: list[int], price: int) -> None:
    each = sold(input_unit_price=price)
    edges = sorted(edges)
    parts = [unit_costs(each, begin, end) for begin, end in pairwise(edges)]
    assert sum(parts) == unit_costs(each, edges[0], edges[-1])
    assert all(part >= 0 for part in parts)
