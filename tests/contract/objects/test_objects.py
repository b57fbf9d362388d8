"""Objects of projects on every store: streamed in and out, in part, gone when they are aborted, released or destroyed."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import insert, select
from tests.contract.objects.conftest import Unfinished
from tests.unit.data_plane.region_parts import SetClock

from domicile.apps.region.storage import MIGRATIONS
from domicile.data_plane.storage.key_store import FolderKeyStore, ProjectDestroyedError
from domicile.data_plane.storage.object_store import ObjectMissingError, ObjectStore
from domicile.data_plane.storage.object_stores import OwnStoreOnly
from domicile.data_plane.storage.objects import WRITING_MS_MAX, Objects, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKeyGoneError, ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.data_plane.storage.sealing import DamagedObjectError
from domicile.data_plane.tables import destroyed_project, stored_object
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate

MIB = 1024 * 1024
PROJECT = "proj_PPPPPPPPPPPPPPPPPPPPPPPP"
CANARY = b"the secret of this object" * 4


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    url = sqlite_url(tmp_path / "region.db")
    await migrate(url, MIGRATIONS / "region")
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def keys(tmp_path: Path, clock: SetClock) -> ProjectKeys:
    return ProjectKeys(FolderKeyStore(tmp_path / "keys"), HeldRegionKeys([bytes(32)]), clock)


@pytest.fixture
def objects(store: ObjectStore, keys: ProjectKeys, database: Database, clock: SetClock) -> Objects:
    return Objects(OwnStoreOnly(store), keys, database, clock)


async def written(objects: Objects, database: Database, *pieces: bytes) -> StoredObject:
    writer = await objects.write(PROJECT)
    for piece in pieces:
        await writer.write(piece)
    stored = await writer.close()
    async with database.transaction() as connection:
        await objects.keep(connection, stored)
    return stored


async def read(objects: Objects, stored: StoredObject, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([piece async for piece in objects.read(stored, start, end)])


async def in_store(store: ObjectStore) -> list[str]:
    return [name async for name in store.names()]


async def in_table(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(stored_object.c.object_id))).scalars())


async def test_an_object_is_read_whole_and_in_part(objects: Objects, database: Database) -> None:
    content = os.urandom(11 * MIB + 7)
    stored = await written(objects, database, *(content[at : at + 70_000] for at in range(0, len(content), 70_000)))
    assert stored.size_bytes == len(content)
    assert await read(objects, stored) == content
    for start, end in ((0, 1), (MIB - 1, MIB + 1), (5 * MIB, 10 * MIB + 3), (len(content) - 1, len(content))):
        assert await read(objects, stored, start, end) == content[start:end]
    assert await read(objects, await written(objects, database)) == b""


async def test_nothing_of_it_is_in_clear(
    objects: Objects, store: ObjectStore, database: Database, tmp_path: Path
) -> None:
    stored = await written(objects, database, CANARY)
    assert CANARY[:16] not in await store.read(stored.object_id, 0, 10_000)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240 - few
    assert files
    assert not any(CANARY[:16] in path.read_bytes() for path in files)


async def test_an_object_that_was_exchanged_does_not_open(
    objects: Objects, store: ObjectStore, database: Database
) -> None:
    first, second = await written(objects, database, b"first"), await written(objects, database, b"other")

    async def of_the_other() -> AsyncIterator[bytes]:
        yield await store.read(second.object_id, 0, 1000)

    await store.put(first.object_id, of_the_other())
    with pytest.raises(DamagedObjectError):
        await read(objects, first)


async def test_an_aborted_object_leaves_nothing(
    objects: Objects, store: ObjectStore, database: Database, unfinished: Unfinished
) -> None:
    writer = await objects.write(PROJECT)
    for _ in range(20):
        await writer.write(bytes(MIB))
    await writer.abort()
    assert (await in_store(store), await in_table(database), unfinished()) == ([], [], 0)
    await (await objects.write(PROJECT)).abort()
    assert (await in_store(store), await in_table(database), unfinished()) == ([], [], 0)


async def test_a_close_that_is_cancelled_and_aborted_leaves_nothing(
    objects: Objects, store: ObjectStore, database: Database, unfinished: Unfinished
) -> None:
    writer = await objects.write(PROJECT)
    for _ in range(20):
        await writer.write(bytes(MIB))
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await writer.abort()
    assert (await in_store(store), await in_table(database), unfinished()) == ([], [], 0)


async def test_what_is_never_kept_is_swept(
    objects: Objects, store: ObjectStore, database: Database, clock: SetClock
) -> None:
    """As after a crash between the upload and the row that refers to it."""
    writer = await objects.write(PROJECT)
    await writer.write(b"x")
    await writer.close()
    kept = await written(objects, database, b"kept")
    await objects.sweep()
    assert len(await in_store(store)) == 2
    clock.ms += WRITING_MS_MAX + 1
    await objects.sweep()
    assert await in_store(store) == await in_table(database) == [kept.object_id]
    assert await read(objects, kept) == b"kept"


async def test_what_is_released_is_deleted(objects: Objects, store: ObjectStore, database: Database) -> None:
    stored = await written(objects, database, b"x")
    async with database.transaction() as connection:
        await objects.release(connection, [stored.object_id])
    await objects.sweep()
    assert (await in_store(store), await in_table(database)) == ([], [])
    with pytest.raises(ObjectMissingError):
        await read(objects, stored)


async def test_a_destroyed_project_has_nothing_left(
    objects: Objects, store: ObjectStore, keys: ProjectKeys, database: Database
) -> None:
    stored = await written(objects, database, b"x")
    unkept = await objects.write(PROJECT)
    await unkept.write(b"y")
    half = await unkept.close()
    await keys.destroy(PROJECT)
    with pytest.raises(ProjectKeyGoneError):
        await read(objects, stored)
    await objects.destroy(PROJECT)
    assert (await in_store(store), await in_table(database)) == ([], [])
    async with database.transaction() as connection:
        await connection.execute(insert(destroyed_project).values(project_id=PROJECT, destroyed_at_ms=1))
    async with database.transaction() as connection:
        with pytest.raises(ProjectDestroyedError):
            await objects.keep(connection, half)


@pytest.mark.parametrize("is_closed", [True, False])
async def test_what_is_written_during_a_destruction_leaves_nothing(
    objects: Objects, store: ObjectStore, database: Database, is_closed: bool
) -> None:
    """Its bytes come after the destruction has deleted its row."""
    writer = await objects.write(PROJECT)
    await writer.write(b"x")
    await objects.destroy(PROJECT)
    if is_closed:
        stored = await writer.close()
        assert await in_store(store) == [stored.object_id]
        await objects.discard(stored)
    else:
        await writer.abort()
    assert (await in_store(store), await in_table(database)) == ([], [])
