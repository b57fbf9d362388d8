"""Files and uploads on both databases; on PostgreSQL they are shared by a region's replicas."""

import asyncio
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select
from tests.contract.database.conftest import Open
from tests.unit.data_plane.policy.examples import US, caller
from tests.unit.data_plane.region_parts import SetClock

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.record import StoredFile
from domicile.data_plane.files.service import FileService
from domicile.data_plane.files.uploads import StoredUpload, UploadService
from domicile.data_plane.policy.storing import admit_storing
from domicile.data_plane.storage.key_store import FolderKeyStore
from domicile.data_plane.storage.object_store import LocalObjectStore
from domicile.data_plane.storage.objects import Objects
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.data_plane.tables import file, file_part, stored_object, upload, upload_part
from domicile.kernel.errors import DomicileError
from domicile.kernel.paging import Order, Window
from domicile.openai_api.uploads import CompleteUploadRequest, UploadRequest
from domicile.persistence.database import Database

pytestmark = pytest.mark.xdist_group("postgresql")

T = TypeVar("T")

CALLER = caller(region="us")
ADMISSION = admit_storing(US, CALLER, Endpoint.FILES)
PROJECT = ADMISSION.project_id
KEY = os.urandom(32)


@dataclass
class Replica:
    """One process of a region."""

    database: Database
    objects: Objects
    files: FileService
    uploads: UploadService

    async def store(self, content: bytes, name: str = "a.txt", purpose: str = "user_data") -> StoredFile:
        incoming = await self.files.begin(ADMISSION, name)
        await incoming.write(content)
        return await self.files.create(ADMISSION, await incoming.close(), purpose=purpose, lifetime_s=None)

    async def add_part(self, to: StoredUpload, content: bytes) -> str:
        incoming = await self.uploads.begin_part(ADMISSION, to.upload_id)
        await incoming.write(content)
        return (await self.uploads.add_part(ADMISSION, to.upload_id, await incoming.close())).part_id

    async def names(self, window: Window, purpose: str | None = None) -> tuple[list[str], bool]:
        page = await self.files.page(CALLER, window, purpose)
        return [each.name for each in page.files], page.has_more

    async def content(self, of: StoredFile, start: int, end: int) -> bytes:
        return b"".join([piece async for piece in await self.files.read(of, CALLER, start, end)])

    async def rows(self) -> list[int]:
        async with self.database.reading() as connection:
            return [
                (await connection.execute(select(func.count()).select_from(table))).scalar_one()
                for table in (file, file_part, stored_object, upload, upload_part)
            ]


def replica(database: Database, folder: Path, clock: SetClock, quota: StorageQuota) -> Replica:
    keys = ProjectKeys(FolderKeyStore(folder / "keys"), HeldRegionKeys([KEY]), clock)
    objects = Objects(LocalObjectStore(folder / "objects"), keys, database, clock)
    return Replica(
        database,
        objects,
        FileService(database, objects, keys, clock, quota),
        UploadService(database, objects, keys, clock, quota),
    )


async def refused(work: Awaitable[object]) -> str | None:
    with pytest.raises(DomicileError) as caught:
        await work
    return caught.value.code


async def test_what_one_replica_stores_another_lists_reads_and_deletes(databases: Open, tmp_path: Path) -> None:
    first = await databases("region")
    clock, quota = SetClock(), StorageQuota(1000, 10**9)
    here = replica(first, tmp_path, clock, quota)
    there = replica(await databases("region", first.url), tmp_path, clock, quota)
    stored = []
    # Upper and lower case stand in the ids: every order of letters gives the same pages.
    for number in range(40):
        clock.ms += number % 4 == 0
        stored.append(await here.store(b"%d" % number, f"{number}", "batch" if number % 2 else "user_data"))
    for order in Order:
        names: list[str] = []
        after, has_more = None, True
        while has_more:
            page = await there.files.page(CALLER, Window(7, after, order), None)
            names += [each.name for each in page.files]
            after, has_more = page.files[-1].file_id, page.has_more
        expected = sorted(stored, key=lambda each: each.created_at_ms, reverse=order is Order.DESCENDING)
        assert sorted(names) == sorted(each.name for each in stored)
        by_name = {each.name: each.created_at_ms for each in stored}
        assert [by_name[name] for name in names] == [each.created_at_ms for each in expected]
    assert len((await there.names(Window(100), "batch"))[0]) == 20
    for each in stored[:10]:
        assert await there.content(each, 0, each.size_bytes) == each.name.encode()
        await there.files.delete(CALLER, each.file_id)
        assert await refused(here.files.get(CALLER, each.file_id)) == "not_found"
    assert (await here.rows())[:3] == [30, 30, 30]
    clock.ms += 31 * 24 * 3600 * 1000
    await there.files.sweep()
    await there.objects.sweep()
    assert (await here.rows())[:3] == [15, 15, 15]
    await here.files.destroy(PROJECT)
    await here.objects.destroy(PROJECT)
    assert await here.rows() == [0, 0, 0, 0, 0]


async def test_a_quota_is_exact_however_many_store_at_once(databases: Open, tmp_path: Path) -> None:
    first = await databases("region")
    clock, quota = SetClock(), StorageQuota(1000, 50)
    replicas = [replica(first, tmp_path, clock, quota)]
    replicas.append(replica(await databases("region", first.url), tmp_path, clock, quota))
    outcomes = await asyncio.gather(
        *(replicas[number % 2].store(b"x" * 10) for number in range(12)), return_exceptions=True
    )
    assert sum(isinstance(outcome, StoredFile) for outcome in outcomes) == 5
    refusals = {outcome.code for outcome in outcomes if isinstance(outcome, DomicileError)}
    assert refusals == {"storage_quota_exceeded"}
    assert (await replicas[0].rows())[:3] == [5, 5, 5]
    assert len(list((tmp_path / "objects").iterdir())) == 5


async def test_an_upload_over_two_replicas(databases: Open, tmp_path: Path) -> None:
    first = await databases("region")
    clock, quota = SetClock(), StorageQuota(10, 1000)
    here = replica(first, tmp_path, clock, quota)
    there = replica(await databases("region", first.url), tmp_path, clock, quota)
    request = UploadRequest(filename="a", purpose="user_data", size_bytes=6, mime_type="x/y")
    began = await here.uploads.create(ADMISSION, request)
    last, beginning = await asyncio.gather(there.add_part(began, b"def"), here.add_part(began, b"abc"))
    await there.add_part(began, b"unused")
    wanted = CompleteUploadRequest(part_ids=[beginning, last])
    outcomes = await asyncio.gather(
        *(each.uploads.complete(ADMISSION, began.upload_id, wanted) for each in (here, there)), return_exceptions=True
    )
    completed = [outcome for outcome in outcomes if isinstance(outcome, StoredUpload)]
    assert completed
    assert all(isinstance(outcome, StoredUpload | DomicileError) for outcome in outcomes)
    stored = completed[0].file
    assert stored is not None
    assert await there.content(stored, 1, 5) == b"bcde"
    assert await here.rows() == [1, 2, 2, 1, 2]
    clock.ms += 26 * 3600 * 1000
    await there.uploads.sweep()
    assert await here.rows() == [1, 2, 2, 0, 0]
    abandoned = await here.uploads.create(ADMISSION, request)
    await there.add_part(abandoned, b"abc")
    clock.ms += 3600 * 1000
    await here.uploads.sweep()
    await here.objects.sweep()
    assert await here.rows() == [1, 2, 2, 1, 0]
    await here.uploads.destroy(PROJECT)
    assert (await here.rows())[3:] == [0, 0]
