"""What leaves the region of a ledger: sums for each minute, key and model, and nothing of single requests (C07)."""

import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domicile.boundary.usage import ImageSize, ServiceTier, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.metering.entry import LedgerEntry, Outcome
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.unreported import read_unreported
from domicile.persistence.database import Database
from tests.unit.data_plane.metering.entries import MINUTE, ledger_entry
from tests.unit.data_plane.region_parts import KEY_ID, NOW_MS, ORGANIZATION, PROJECT, WRITER, database_in

MINUTE_MS = 60_000


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "metering") as database:
        yield database


async def usage_deltas(database: Database, entries: Sequence[LedgerEntry]) -> tuple[UsageDelta, ...]:
    """What is reported of these entries."""
    await MeteringRepository(database).append(WRITER, 1, entries)
    async with database.reading() as connection:
        return (await read_unreported(connection, WRITER, 0)).deltas


async def test_entries_alike_become_one_sum(database: Database) -> None:
    entries = [
        ledger_entry("a", usage=Usage(10, 2, 5, 1)),
        ledger_entry("b", usage=Usage(1, 1, 1, 1), engine="two", outcome=Outcome.CLIENT_LEFT, at_ms=NOW_MS + 1),
    ]
    assert await usage_deltas(database, entries) == (
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


async def test_nothing_is_no_delta(database: Database) -> None:
    async with database.reading() as connection:
        assert (await read_unreported(connection, WRITER, 0)).deltas == ()


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
async def test_what_differs_is_kept_apart(database: Database, change: dict[str, Any]) -> None:
    deltas = await usage_deltas(database, [ledger_entry("a"), ledger_entry("b", **change), ledger_entry("c")])
    assert [delta.requests for delta in deltas] == [2, 1]
    field = "minute" if "at_ms" in change else next(iter(change))
    assert getattr(deltas[0], field) != getattr(deltas[1], field)


async def test_a_minute_ends_where_the_next_begins(database: Database) -> None:
    start = MINUTE * MINUTE_MS
    entries = [ledger_entry(str(at), at_ms=at) for at in (start - 1, start, start + 59_999)]
    minutes = [delta.minute for delta in await usage_deltas(database, entries)]
    assert minutes == [MINUTE - 1, MINUTE]


async def test_nothing_is_lost_or_doubled(database: Database) -> None:
    chosen = random.Random(1)
    made = [
        ledger_entry(
            str(number),
            at_ms=NOW_MS + chosen.randrange(3) * MINUTE_MS,
            key_id=f"key_{chosen.randrange(50):024}",
            usage=Usage(*(chosen.randrange(10**9) for _ in Usage.__struct_fields__)),
        )
        for number in range(2000)
    ]
    deltas = await usage_deltas(database, made)
    assert sum(delta.requests for delta in deltas) == len(made)
    for name in Usage.__struct_fields__:
        assert sum(getattr(delta.usage, name) for delta in deltas) == sum(getattr(each.usage, name) for each in made)
    assert len({(delta.minute, delta.key_id) for delta in deltas}) == len(deltas)
