"""Files and uploads on both databases; on PostgreSQL they are shared by a region's replicas."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import pytest
from tests.contract.database.conftest import Open
from tests.contract.replica import ADMISSION, CALLER, PROJECT, replica
from tests.unit.data_plane.region_parts import SetClock

from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.record import StoredFile
from domicile.data_plane.files.uploads import StoredUpload
from domicile.kernel.errors import DomicileError
from domicile.kernel.paging import Order, Window
from domicile.openai_api.uploads import CompleteUploadRequest, UploadRequest

T = TypeVar("T")


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
