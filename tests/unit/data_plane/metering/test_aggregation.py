"""What leaves the region of a ledger: sums for each minute, key and model, and nothing of single requests (C07)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domicile.boundary.usage import ImageSize, ServiceTier, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.metering.aggregation import usage_deltas
from domicile.data_plane.metering.entry import Outcome
from tests.unit.data_plane.metering.entries import MINUTE, ledger_entry
from tests.unit.data_plane.region_parts import KEY_ID, NOW_MS, ORGANIZATION, PROJECT

MINUTE_MS = 60_000


def test_entries_alike_become_one_sum() -> None:
    entries = [
        ledger_entry("a", usage=Usage(10, 2, 5, 1)),
        ledger_entry("b", usage=Usage(1, 1, 1, 1), engine="two", outcome=Outcome.CLIENT_LEFT, at_ms=NOW_MS + 1),
    ]
    assert usage_deltas(entries) == (
        UsageDelta(
            minute=MINUTE,
            organization_id=ORGANIZATION,
            project_id=PROJECT,
            key_id=KEY_ID,
            model="gpt-4o-2024-08-06",
            fine_tuned_model=None,
            endpoint=Endpoint.CHAT_COMPLETIONS,
            tier=ServiceTier.DEFAULT,
            batch=False,
            requests=2,
            usage=Usage(11, 3, 6, 2),
        ),
    )


def test_nothing_is_no_delta() -> None:
    assert usage_deltas([]) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"at_ms": NOW_MS + MINUTE_MS},
        {"project_id": "proj_" + "Q" * 24},
        {"key_id": "key_" + "L" * 24},
        {"model": "gpt-4-0613"},
        {"endpoint": Endpoint.EMBEDDINGS},
        {"tier": ServiceTier.SCALE},
        {"batch": True},
        {"image_size": ImageSize.SQUARE_1024},
    ],
)
def test_what_differs_is_kept_apart(change: dict[str, Any]) -> None:
    deltas = usage_deltas([ledger_entry("a"), ledger_entry("b", **change), ledger_entry("c")])
    assert [delta.requests for delta in deltas] == [2, 1]
    field = "minute" if "at_ms" in change else next(iter(change))
    assert getattr(deltas[0], field) != getattr(deltas[1], field)


def test_a_minute_ends_where_the_next_begins() -> None:
    start = MINUTE * MINUTE_MS
    minutes = [
        delta.minute
        for delta in usage_deltas([ledger_entry(str(at), at_ms=at) for at in (start - 1, start, start + 59_999)])
    ]
    assert minutes == [MINUTE - 1, MINUTE]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.tuples(*[st.integers(0, 10**9)] * 7)), max_size=50))
@settings(deadline=None, max_examples=50)
def test_nothing_is_lost_or_doubled(entries: list[tuple[int, int, tuple[int, ...]]]) -> None:
    made = [
        ledger_entry(str(number), at_ms=NOW_MS + minute * MINUTE_MS, key_id=f"key_{key:024}", usage=Usage(*used))
        for number, (minute, key, used) in enumerate(entries)
    ]
    deltas = usage_deltas(made)
    assert sum(delta.requests for delta in deltas) == len(made)
    for position, name in enumerate(Usage.__struct_fields__):
        assert sum(getattr(delta.usage, name) for delta in deltas) == sum(used[position] for _, _, used in entries)
    assert len({(delta.minute, delta.key_id) for delta in deltas}) == len(deltas)
