"""A tombstone destroys, once and in order; absence destroys nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.boundary.snapshot import Shard, Tombstone
from domicile.data_plane import destruction
from domicile.data_plane.destruction import Destruction
from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.storage.key_store import KeyStoreUnavailableError
from domicile.data_plane.storage.object_store import ObjectStoreUnavailableError
from domicile.persistence.database import Database
from tests.unit.data_plane.region_parts import PROJECT, Publisher, SetClock, database_in, project_record, until

OTHER = "proj_" + "X" * 24


def table(*shards: Shard) -> SnapshotTable:
    return SnapshotTable.build(Publisher().manifest(list(shards)), shards)


def buried(*project_ids: str) -> SnapshotTable:
    return table(Shard("eu", 0, (), (), (), tuple(Tombstone(project_id, 1) for project_id in project_ids)))


class Region:
    """A destruction with two destroyers that write down what they are asked."""

    def __init__(self, database: Database) -> None:
        self.asked: list[str] = []
        self.full = False
        self.destruction = Destruction(database, SetClock(), (self.objects, self.key), self.report)

    async def objects(self, project_id: str) -> None:
        self.asked.append(f"objects {project_id}")

    async def key(self, project_id: str) -> None:
        if self.full:
            raise OSError("the disk is full")
        self.asked.append(f"key {project_id}")

    async def report(self, project_id: str) -> None:
        self.asked.append(f"report {project_id}")


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "region") as database:
        yield database


async def test_each_destroyer_in_order_then_the_report_and_only_once(database: Database) -> None:
    region = Region(database)
    region.destruction.notice(buried(PROJECT))
    for _ in range(2):
        await region.destruction.destroy_pending()
    assert region.asked == [f"{step} {PROJECT}" for step in ("objects", "key", "report")]
    after_restart = Region(database)
    after_restart.destruction.notice(buried(PROJECT, OTHER))
    await after_restart.destruction.destroy_pending()
    assert after_restart.asked == [f"{step} {OTHER}" for step in ("objects", "key", "report")]


async def test_absence_destroys_nothing(database: Database) -> None:
    region = Region(database)
    region.destruction.notice(table(Shard("eu", 0, (), (project_record(),), ())))
    await region.destruction.destroy_pending()
    region.destruction.notice(table())
    await region.destruction.destroy_pending()
    assert region.asked == []


async def test_what_did_not_end_is_not_reported_and_is_done_again(database: Database) -> None:
    region = Region(database)
    region.full = True
    region.destruction.notice(buried(PROJECT))
    with pytest.raises(OSError, match="full"):
        await region.destruction.destroy_pending()
    assert region.asked == [f"objects {PROJECT}"]
    region.full = False
    await region.destruction.destroy_pending()
    assert region.asked == [f"{step} {PROJECT}" for step in ("objects", "objects", "key", "report")]


async def test_it_works_when_a_snapshot_comes_into_force(database: Database) -> None:
    region = Region(database)
    running = asyncio.create_task(region.destruction.run())
    try:
        region.destruction.notice(table())
        region.destruction.notice(buried(PROJECT))
        await until(lambda: f"report {PROJECT}" in region.asked)
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("error", [OSError("full"), KeyStoreUnavailableError("x"), ObjectStoreUnavailableError("x")])
async def test_it_is_tried_again_when_a_store_is_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(destruction, "RETRY_S", 0.01)
    tries: list[str] = []

    async def destroy(project_id: str) -> None:
        tries.append(project_id)
        if len(tries) < 3:
            raise error

    reported: list[str] = []

    async def report(project_id: str) -> None:
        reported.append(project_id)

    pending = Destruction(database, SetClock(), (destroy,), report)
    pending.notice(buried(PROJECT))
    running = asyncio.create_task(pending.run())
    try:
        await until(lambda: running.done() or reported)
        assert (tries, reported) == ([PROJECT] * 3, [PROJECT])
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
