"""Costs, limits and alerts once more, on PostgreSQL; and what a region spends, on both databases."""

import json
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from tests.component.control_plane.spending.test_alerts import *  # noqa: F403
from tests.component.control_plane.spending.test_limits import *  # noqa: F403
from tests.component.control_plane.usage.test_costs import *  # noqa: F403
from tests.component.control_plane.usage.test_no_double_billing import *  # noqa: F403
from tests.component.control_plane.usage.test_operator_usage import *  # noqa: F403
from tests.component.data_plane.metering.test_spending_ledger import (
    Replica,
    recounted,
    some_entries,
    test_another_months_entry_counts_nothing,
    test_ledger_and_memory_count_the_same,
    test_without_prices_nothing_is_known_and_with_them_what_was_before_counts,
)
from tests.contract.database.conftest import Open
from tests.unit.data_plane.region_parts import NOW_MS, SetClock, current_snapshot

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.prices import date_of
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.operator.ledger_sums import LedgerSums
from domicile.persistence.database import Database

__all__ = [
    "test_another_months_entry_counts_nothing",
    "test_ledger_and_memory_count_the_same",
    "test_without_prices_nothing_is_known_and_with_them_what_was_before_counts",
]


@pytest.fixture
async def database(databases: Open) -> AsyncIterator[Database]:
    """Of the metering."""
    yield await databases("metering")


async def test_replicas_on_a_server_learn_of_each_other(database: Database) -> None:
    if not database.is_shared:
        pytest.skip("a file has one process")
    snapshots = current_snapshot(prices=load_catalogue().prices.prices)
    one, other = (Replica(database, name, snapshots) for name in "AB")
    entries: list[LedgerEntry] = []
    for replica in (one, other):
        await replica.meter.start()
        await replica.ledger.follow()
    for name, replica in (("a", one), ("b", other)):
        new = some_entries(name, 50, len(entries))
        entries += new
        await replica.record(*new)
    for replica in (one, other):
        await replica.ledger.follow()
        await replica.ledger.follow()
        assert replica.found == recounted(entries)


async def test_the_operator_reads_a_days_sums_and_what_is_unreported(database: Database) -> None:
    replica = Replica(database, "A", current_snapshot())
    await replica.meter.start()
    await replica.meter.flush()
    day = NOW_MS // 86_400_000
    entries = some_entries("a", 100, 1)
    await replica.record(*entries)
    for at_day in (day, day + 1):
        query = f"day={date_of(at_day)}".encode()
        request = Request({"type": "http", "method": "GET", "query_string": query, "headers": []})
        answer = json.loads(bytes((await LedgerSums(database, SetClock()).show(request)).body))
        own = [entry for entry in entries if entry.at_ms // 86_400_000 == at_day]
        assert sum(each["requests"] for each in answer["data"]) == len(own) > 0
        assert sum(each["input_tokens"] for each in answer["data"]) == sum(entry.usage.input_tokens for entry in own)
        assert {(each["project_id"], each["model"]) for each in answer["data"]} == {
            (entry.project_id, entry.model) for entry in own
        }
        assert answer["waiting_reports"] is not None
    assert answer["unreported_entries"] in {0, 100}
