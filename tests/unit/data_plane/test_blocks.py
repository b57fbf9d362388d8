"""What the region's own operator shuts out stays shut out: at once, over restarts, and whatever any snapshot says."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.snapshot import Shard
from domicile.data_plane.blocks import BlockedSubject, Blocks
from domicile.data_plane.http.auth import Authenticator
from domicile.kernel.errors import DomicileError
from tests.unit.data_plane.region_parts import (
    INSTALLATION,
    KEY_ID,
    NOW_MS,
    PROJECT,
    SetClock,
    current_snapshot,
    database_in,
    key_record,
    new_key,
    organization_record,
    project_record,
)


def lets_in(blocks: Blocks, number: int = 1) -> bool:
    """Whether a key of a snapshot that knows nothing of blocks still opens the region."""
    secret = new_key()
    shard = Shard("eu", 0, (organization_record(),), (project_record(),), (key_record(secret),))
    snapshots = current_snapshot(shard, number=number)
    authenticator = Authenticator("eu", INSTALLATION, snapshots, SetClock(), blocks)
    try:
        authenticator.authenticate([(b"authorization", b"Bearer " + secret.encode())])
    except DomicileError as error:
        assert error.code == "invalid_api_key"
        return False
    return True


@pytest.mark.parametrize("subject", [KEY_ID, PROJECT])
async def test_a_key_or_its_project_is_out_at_once_and_outlives_snapshots_and_restarts(
    tmp_path: Path, subject: str
) -> None:
    async with database_in(tmp_path, "region") as database:
        blocks = Blocks(database, SetClock())
        await blocks.load()
        assert lets_in(blocks)
        assert await blocks.add(subject) == BlockedSubject(subject, NOW_MS)
        assert not lets_in(blocks)
        assert not lets_in(blocks, number=2)
        assert await blocks.add(subject) == BlockedSubject(subject, NOW_MS), "twice is as good as once"
    async with database_in(tmp_path, "region") as database:
        again = Blocks(database, SetClock(NOW_MS + 1))
        await again.load()
        assert not lets_in(again)
        assert await again.list() == [BlockedSubject(subject, NOW_MS)]
        assert await again.remove(subject) is True
        assert lets_in(again)
        assert await again.remove(subject) is False
        await again.load()
        assert lets_in(again)


async def test_others_are_let_in(tmp_path: Path) -> None:
    async with database_in(tmp_path, "region") as database:
        blocks = Blocks(database, SetClock())
        await blocks.add("key_" + "X" * 24)
        await blocks.add("proj_" + "X" * 24)
        assert lets_in(blocks)


async def test_another_replica_takes_it_over(tmp_path: Path) -> None:
    async with database_in(tmp_path, "region") as database:
        here, there = Blocks(database, SetClock()), Blocks(database, SetClock())
        await here.add(KEY_ID)
        assert lets_in(there)
        await there.load()
        assert not lets_in(there)


async def test_what_cannot_be_written_down_holds_all_the_same(tmp_path: Path) -> None:
    """A full disk must not let anybody in."""
    async with database_in(tmp_path, "region") as database:
        blocks = Blocks(database, SetClock())
        async with database.transaction() as connection:
            await connection.execute(text("ALTER TABLE block RENAME TO hidden"))
        with pytest.raises(SQLAlchemyError):
            await blocks.add(KEY_ID)
        async with database.transaction() as connection:
            await connection.execute(text("ALTER TABLE hidden RENAME TO block"))
        await blocks.load()
        assert not lets_in(blocks)
        await blocks.add(KEY_ID)
        assert await blocks.list() == [BlockedSubject(KEY_ID, NOW_MS)]


async def test_a_list_that_was_read_before_a_change_is_not_taken(tmp_path: Path) -> None:
    async with database_in(tmp_path, "region") as database:
        blocks = Blocks(database, SetClock())
        for number in range(20):
            subject = f"key_{number:024}"
            await asyncio.gather(blocks.load(), blocks.add(subject), blocks.load())
            assert blocks.cover(subject, PROJECT)
