"""Files on every object store: in one object and in parts, read over the seams, gone when they are deleted."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from tests.contract.replica import ADMISSION, CALLER, Replica, replica
from tests.unit.data_plane.region_parts import SetClock

from domicile.apps.region.storage import MIGRATIONS
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.storage.object_store import ObjectStore
from domicile.openai_api.uploads import CompleteUploadRequest, UploadRequest
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate

MIB = 1024 * 1024


@pytest_asyncio.fixture
async def region(tmp_path: Path, store: ObjectStore) -> AsyncIterator[Replica]:
    url = sqlite_url(tmp_path / "region.db")
    await migrate(url, MIGRATIONS / "region")
    database = Database(url)
    yield replica(database, tmp_path, SetClock(), StorageQuota(10, 10**9), store)
    await database.close()


async def names(store: ObjectStore) -> list[str]:
    return [name async for name in store.names()]


async def test_a_file_and_an_upload(region: Replica, store: ObjectStore) -> None:
    content = os.urandom(9 * MIB + 5)
    stored = await region.store(content)
    assert await region.content(stored, 0, len(content)) == content
    assert await region.content(stored, 5 * MIB - 1, 5 * MIB + 1) == content[5 * MIB - 1 : 5 * MIB + 1]
    pieces = [content[: MIB + 1], b"", content[MIB + 1 : MIB + 2], content[MIB + 2 :]]
    request = UploadRequest(filename="a", purpose="user_data", size_bytes=len(content), mime_type="x/y")
    began = await region.uploads.create(ADMISSION, request)
    part_ids = [await region.add_part(began, piece) for piece in pieces]
    completed = await region.uploads.complete(ADMISSION, began.upload_id, CompleteUploadRequest(part_ids=part_ids))
    assert completed.file is not None
    for start, end in ((0, len(content)), (MIB, MIB + 3), (MIB + 1, MIB + 2), (len(content) - 1, len(content))):
        assert await region.content(completed.file, start, end) == content[start:end]
    assert len(await names(store)) == 5
    for each in (stored, completed.file):
        await region.files.delete(CALLER, each.file_id)
    assert await names(store) == []
