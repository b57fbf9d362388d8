"""/v1/files over HTTP: what is stored is listed, read whole and in part, and deleted for ever (contract C26, C06)."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openai
import pyrage
import pytest
import pytest_asyncio
from sqlalchemy import select

from domicile.apps.region.subscription import build_destruction
from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEventType
from domicile.boundary.snapshot import Shard, Tombstone
from domicile.data_plane.http.files import LIST_LIMIT
from domicile.data_plane.storage.escrow import Escrow
from domicile.data_plane.storage.objects import WRITING_MS_MAX
from domicile.data_plane.tables import outbox
from domicile.kernel.clock import seconds
from domicile.web.bodies import receiving
from tests.component.data_plane.files.files_under_test import (
    DAY_S,
    MIB,
    error_of,
    let_another_project_in,
    new_file,
    objects_on_disk,
    post_file,
    rows,
    withdraw_agreement,
)
from tests.component.data_plane.region_under_test import RegionUnderTest, region_under_test
from tests.platform.full_disk import files_of_at_most
from tests.unit.data_plane.region_parts import PROJECT, snapshot_table, until

CONTENT = os.urandom(2 * MIB + 12_345)
UNKNOWN = "file-" + "0" * 24


@pytest_asyncio.fixture
async def region(tmp_path: Path) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, []) as region:
        yield region


@pytest.mark.contract("C26")
async def test_the_official_client_walks_the_life_of_a_file(region: RegionUnderTest) -> None:
    async with region.official_client() as client:
        made = await client.files.create(file=("größe.jsonl", CONTENT), purpose="fine-tune")
        assert made.id.startswith("file-")
        assert (made.filename, made.bytes, made.purpose) == ("größe.jsonl", len(CONTENT), "fine-tune")
        assert (made.object, made.status, made.expires_at) == ("file", "processed", None)
        assert made.created_at == seconds(region.clock.ms)
        assert await client.files.retrieve(made.id) == made
        assert [each async for each in client.files.list()] == [made]
        assert (await client.files.content(made.id)).read() == CONTENT
        deleted = await client.files.delete(made.id)
        assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
        for call in (client.files.retrieve, client.files.content, client.files.delete):
            with pytest.raises(openai.NotFoundError):
                await call(made.id)
    assert await rows(region) == (0, 0, 0)
    assert objects_on_disk(region) == []


@pytest.mark.contract("C06")
async def test_nothing_of_a_file_lies_on_the_disk_in_clear(region: RegionUnderTest) -> None:
    content, name = b"the content that nobody may see " * 40_000, "the-name-that-nobody-may-see.txt"
    await new_file(region, content, name)
    assert len(objects_on_disk(region)) == 1
    for path in region.base.settings.data.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            assert content[:32] not in stored
            assert name.encode() not in stored


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 9 * MIB])
async def test_files_of_all_sizes_come_back_as_they_were(region: RegionUnderTest, size: int) -> None:
    content = os.urandom(size)
    file_id = await new_file(region, content)
    answer = await region.http.get(f"/v1/files/{file_id}/content")
    assert answer.headers["content-length"] == str(size)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


async def test_content_is_an_attachment(region: RegionUnderTest) -> None:
    file_id = await new_file(region, b"<script>", 'a"b\\c/d%.html')
    answer = await region.http.get(f"/v1/files/{file_id}/content")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"a_b_c_d_.html\"; filename*=UTF-8''a%22b_c_d%25.html"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["accept-ranges"] == "bytes"
    head = await region.http.head(f"/v1/files/{file_id}/content")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "8", b"")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1048575-1048576", MIB - 1, MIB + 1),
        ("bytes=2000000-", 2_000_000, len(CONTENT)),
        ("bytes=-5", len(CONTENT) - 5, len(CONTENT)),
        (f"bytes=10-{len(CONTENT) * 2}", 10, len(CONTENT)),
    ],
)
async def test_a_range_of_the_content(region: RegionUnderTest, asked: str, start: int, end: int) -> None:
    file_id = await new_file(region, CONTENT)
    answer = await region.http.get(f"/v1/files/{file_id}/content", headers={"range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


async def test_a_range_behind_the_end(region: RegionUnderTest) -> None:
    file_id = await new_file(region, b"12345")
    answer = await region.http.get(f"/v1/files/{file_id}/content", headers={"range": "bytes=5-"})
    assert error_of(answer) == (416, "range_not_satisfiable", None)
    assert answer.headers["content-range"] == "bytes */5"


async def test_lists_go_on_after_files_that_are_gone(region: RegionUnderTest) -> None:
    made = []
    for number in range(7):
        region.clock.ms += number % 2
        made.append(await new_file(region, name=f"{number}.txt", purpose="batch" if number % 3 == 0 else "user_data"))
    async with region.official_client() as client:
        newest_first = [each.id async for each in client.files.list(limit=3)]
        assert sorted(newest_first) == sorted(made)
        assert [each.id async for each in client.files.list(limit=2, order="asc")] == newest_first[::-1]
        batches = [each.filename async for each in client.files.list(purpose="batch", limit=1, order="asc")]
        assert sorted(batches) == ["0.txt", "3.txt", "6.txt"]
        deleted = []
        async for each in client.files.list(limit=2):
            await client.files.delete(each.id)
            deleted.append(each.id)
        assert deleted == newest_first
    empty = (await region.http.get("/v1/files")).json()
    assert empty == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("limit=0", "invalid_value", "limit"),
        (f"limit={LIST_LIMIT + 1}", "invalid_value", "limit"),
        ("order=newest", "invalid_value", "order"),
        ("purpose=everything", "invalid_value", "purpose"),
        ("after=file-1", "invalid_value", "after"),
        ("after=%00", "invalid_value", "after"),
        ("porpoise=batch", "unknown_parameter", "porpoise"),
    ],
)
async def test_a_list_says_what_is_wrong_with_its_query(
    region: RegionUnderTest, query: str, code: str, param: str
) -> None:
    assert error_of(await region.http.get(f"/v1/files?{query}")) == (400, code, param)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"purpose": "assistants"}, "invalid_value", "purpose"),
        ({"purpose": "batch_output"}, "invalid_value", "purpose"),
        ({"purpose": ""}, "invalid_value", "purpose"),
        ({"expires_after[anchor]": "created_at"}, "missing_required_parameter", "expires_after[seconds]"),
        ({"expires_after[seconds]": "3600"}, "missing_required_parameter", "expires_after[anchor]"),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
            "invalid_value",
            "expires_after[seconds]",
        ),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592001"},
            "invalid_value",
            "expires_after[seconds]",
        ),
        (
            {"expires_after[anchor]": "last_active_at", "expires_after[seconds]": "3600"},
            "invalid_value",
            "expires_after[anchor]",
        ),
        ({"expires_after": "3600"}, "unknown_parameter", "expires_after"),
    ],
)
async def test_a_form_that_is_refused_leaves_nothing(
    region: RegionUnderTest, fields: dict[str, str], code: str, param: str
) -> None:
    assert error_of(await post_file(region, CONTENT, **fields)) == (400, code, param)
    assert await rows(region) == (0, 0, 0)
    assert objects_on_disk(region) == []


async def test_other_forms_that_are_refused(region: RegionUnderTest) -> None:
    nothing = await region.http.post("/v1/files", data={"purpose": "batch"}, files={"data": b"x"})
    assert error_of(nothing) == (400, "unknown_parameter", "data")
    no_purpose = await region.http.post("/v1/files", files={"file": b"x"})
    assert error_of(no_purpose) == (400, "missing_required_parameter", "purpose")
    assert error_of(await region.http.post("/v1/files", json={})) == (415, "unsupported_media_type", None)
    assert error_of(await post_file(region, name="x" * 256)) == (400, "invalid_value", "file")
    assert error_of(await post_file(region, name="a\x7fb")) == (400, "invalid_value", "file")
    assert await rows(region) == (0, 0, 0)


async def test_a_file_without_a_name_gets_one(region: RegionUnderTest) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nvision\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--b--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await region.http.post("/v1/files", content=body, headers=headers)
    assert answer.json()["filename"] == "upload"


async def test_files_expire(region: RegionUnderTest) -> None:
    an_hour: dict[str, Any] = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    hour = await new_file(region, **an_hour)
    batch, kept = await new_file(region, purpose="batch"), await new_file(region)
    began = seconds(region.clock.ms)

    async def alive() -> set[str]:
        return {each["id"] for each in (await region.http.get("/v1/files")).json()["data"]}

    assert (await region.http.get(f"/v1/files/{hour}")).json()["expires_at"] == began + 3600
    assert (await region.http.get(f"/v1/files/{batch}")).json()["expires_at"] == began + 30 * DAY_S
    assert "expires_at" not in (await region.http.get(f"/v1/files/{kept}")).json()
    region.clock.ms += 3600 * 1000 - 1
    assert await alive() == {hour, batch, kept}
    region.clock.ms += 1
    assert await alive() == {batch, kept}
    for path in (f"/v1/files/{hour}", f"/v1/files/{hour}/content"):
        assert error_of(await region.http.get(path)) == (404, "not_found", None)
    region.clock.ms += 30 * DAY_S * 1000
    assert await alive() == {kept}
    assert await rows(region) == (3, 3, 3)
    await region.path.content.files.sweep()
    await region.path.content.objects.sweep()
    assert await rows(region) == (1, 1, 1)
    assert len(objects_on_disk(region)) == 1


async def test_another_projects_file_is_as_unknown_as_none(region: RegionUnderTest) -> None:
    file_id = await new_file(region)
    others = let_another_project_in(region)
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        foreign = await region.http.request(method, f"/v1/files/{file_id}{path}", headers=others)
        unknown = await region.http.request(method, f"/v1/files/{UNKNOWN}{path}", headers=others)
        assert error_of(foreign) == (404, "not_found", None)
        assert foreign.text.replace(file_id, UNKNOWN) == unknown.text
    assert (await region.http.get("/v1/files", headers=others)).json()["data"] == []
    # A cursor is a place in time, so another project's says nothing of what is there.
    after = await region.http.get(f"/v1/files?after={file_id}", headers=others)
    assert after.json()["data"] == []
    assert (await region.http.get(f"/v1/files/{file_id}")).status_code == 200


@pytest.mark.parametrize("file_id", ["file-1", "file-" + "0" * 25, "x", "file-%00", "..", UNKNOWN])
async def test_what_is_no_id_of_a_file(region: RegionUnderTest, file_id: str) -> None:
    assert (await region.http.get(f"/v1/files/{file_id}")).status_code == 404


def head_of_upload(region: RegionUnderTest) -> bytes:
    """A request for a file of 100 MB, up to the first byte of its content."""
    return (
        f"POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {region.secret}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    ).encode()


async def until_nothing_is_left(region: RegionUnderTest) -> None:
    async with asyncio.timeout(30):
        while await rows(region) != (0, 0, 0) or objects_on_disk(region):
            await asyncio.sleep(0.01)


async def test_an_upload_that_stalls_is_ended(region: RegionUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "BODY_TIMEOUT_S", 0.3)
    reader, writer = await asyncio.open_connection(*region.address)
    writer.write(head_of_upload(region) + b"x" * 1000)
    async with asyncio.timeout(30):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408 ")
    writer.close()
    await until_nothing_is_left(region)


@pytest.mark.parametrize(
    "end",
    [b"", b"\r\n--b\r\n", b"\r\n--b--", b"\r\n--b\r\nContent-Disposition: form-data; name=purpose\r\n\r\nbatch\r\n"],
)
async def test_a_broken_form_is_400_and_leaves_nothing(region: RegionUnderTest, end: bytes) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + CONTENT + end
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = await region.http.post("/v1/files", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"invalid_form", "missing_required_parameter"}
    await until_nothing_is_left(region)


async def test_a_client_that_leaves_leaves_nothing(region: RegionUnderTest) -> None:
    host, port = region.address
    _, writer = await asyncio.open_connection(host, port)
    writer.write(head_of_upload(region) + b"x" * (12 * MIB))
    await writer.drain()
    await until(lambda: objects_on_disk(region), what="a part of it is on the disk")
    writer.close()
    await until_nothing_is_left(region)


@pytest.mark.parametrize(
    ("limits", "size"), [({"project_files": 2}, 1), ({"project_storage_gib": 1}, 500)], ids=["files", "bytes"]
)
async def test_a_project_may_store_so_much(
    tmp_path: Path, limits: dict[str, int], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domicile.apps.region.content._GIB", 1024)
    async with region_under_test(tmp_path, [], limits=limits) as region:
        first = await new_file(region, b"x" * size)
        await new_file(region, b"x" * size)
        assert error_of(await post_file(region, b"x" * size)) == (413, "storage_quota_exceeded", None)
        assert await rows(region) == (2, 2, 2)
        assert len(objects_on_disk(region)) == 2
        assert (await region.http.delete(f"/v1/files/{first}")).status_code == 200
        await new_file(region, b"x" * size)


async def test_what_is_certain_to_be_too_much_is_refused_while_it_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domicile.apps.region.content._GIB", MIB)
    async with region_under_test(tmp_path, [], limits={"project_storage_gib": 1}) as region:
        reader, writer = await asyncio.open_connection(*region.address)
        writer.write(head_of_upload(region) + b"x" * (MIB + 200_000))
        async with asyncio.timeout(30):
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413 ")
        writer.close()
        await until_nothing_is_left(region)


@pytest.mark.contract("C01")
async def test_without_an_agreement_nothing_new_is_stored_and_all_is_read_and_deleted(tmp_path: Path) -> None:
    async with region_under_test(tmp_path, [], requires=frozenset({"enterprise", "zdr"})) as region:
        file_id = await new_file(region, CONTENT)
        withdraw_agreement(region)
        assert error_of(await post_file(region)) == (403, "enterprise_agreement_required", None)
        assert (await region.http.get(f"/v1/files/{file_id}/content")).content == CONTENT
        assert len((await region.http.get("/v1/files")).json()["data"]) == 1
        assert (await region.http.delete(f"/v1/files/{file_id}")).status_code == 200


async def test_nothing_is_opened_of_a_project_that_has_lost_its_key(region: RegionUnderTest) -> None:
    file_id = await new_file(region)
    await region.path.content.keys.destroy(PROJECT)
    for path in ("", f"/{file_id}", f"/{file_id}/content"):
        assert error_of(await region.http.get(f"/v1/files{path}")) == (503, "content_unreadable", None)


async def test_a_destroyed_projects_files_are_gone(region: RegionUnderTest) -> None:
    for _ in range(3):
        await new_file(region)
    upload = {"filename": "a", "purpose": "batch", "bytes": 1, "mime_type": "text/plain"}
    upload_id = (await region.http.post("/v1/uploads", json=upload)).json()["id"]
    await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"})
    assert await rows(region) == (3, 3, 4, 1, 1)
    destruction = build_destruction(region.base, region.path)
    stone = Tombstone(PROJECT, region.clock.ms)
    destruction.notice(snapshot_table(Shard("eu", 0, (), (), (), (stone,))))
    # It reports, and waits until the meter has written the report.
    writing = asyncio.create_task(region.meter.run())
    await destruction.destroy_pending()
    region.meter.stop()
    await writing
    assert await rows(region) == (0, 0, 0)
    kept = [path.read_bytes() for path in (region.base.settings.data / "project-keys").iterdir()]
    assert kept == [b""], "the place of the key, so that no write can make another"
    assert objects_on_disk(region) == []


async def test_a_destruction_names_the_exports_that_hold_the_key(region: RegionUnderTest) -> None:
    """The second export was made before the project had a key, and the third after it had none."""
    base, keys = region.base, region.path.content.keys
    recipient = str(pyrage.x25519.Identity.generate().to_public())
    escrow = Escrow("eu", keys, base.storage.region, base.clock)
    await escrow.export(recipient)
    await new_file(region)
    for _ in range(2):
        await escrow.export(recipient)
    destruction = build_destruction(base, region.path)
    destruction.notice(snapshot_table(Shard("eu", 0, (), (), (), (Tombstone(PROJECT, region.clock.ms),))))
    writing = asyncio.create_task(region.meter.run())
    await destruction.destroy_pending()
    await escrow.export(recipient)
    region.meter.stop()
    await writing
    async with region.database.reading() as connection:
        bodies = (await connection.execute(select(outbox.c.body).where(outbox.c.path == protocol.AUDIT))).scalars()
        events = [event for body in bodies for event in msgspec.json.decode(body, type=AuditReport).events]
    (destroyed,) = [event for event in events if event.type is RegionEventType.PROJECT_DESTROYED]
    assert (destroyed.project_id, destroyed.exports) == (PROJECT, (2, 3))


async def test_content_that_is_damaged_or_missing_is_not_served(region: RegionUnderTest) -> None:
    file_id = await new_file(region, CONTENT)
    url = f"/v1/files/{file_id}/content"
    path = objects_on_disk(region)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert error_of(await region.http.get(url)) == (503, "content_unreadable", None)
    # A range is read without the rest, so one that is whole is served.
    assert (await region.http.get(url, headers={"range": "bytes=0-9"})).content == CONTENT[:10]
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    assert error_of(await region.http.get(url, headers={"range": "bytes=0-9"})) == (503, "content_unreadable", None)
    path.unlink()
    assert error_of(await region.http.get(url)) == (503, "content_unreadable", None)
    assert (await region.http.delete(f"/v1/files/{file_id}")).status_code == 200


async def test_content_that_is_damaged_far_behind_breaks_the_answer_off(region: RegionUnderTest) -> None:
    file_id = await new_file(region, os.urandom(9 * MIB))
    path = objects_on_disk(region)[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(httpx2.RemoteProtocolError):
        await region.http.get(f"/v1/files/{file_id}/content")


async def test_readers_take_only_so_much_memory_and_give_it_back(tmp_path: Path) -> None:
    # Half of it is one project's: two readers of 16 MiB.
    async with region_under_test(tmp_path, [], limits={"body_memory_mib": 64}) as region:
        file_id = await new_file(region, os.urandom(40 * MIB))
        url = f"/v1/files/{file_id}/content"
        async with region.http.stream("GET", url) as first, region.http.stream("GET", url) as second:
            assert (first.status_code, second.status_code) == (200, 200)
            refused = await region.http.get(url, headers={"range": "bytes=0-0"})
            assert error_of(refused) == (503, "service_unavailable", None)
            assert "retry-after" in refused.headers
            # What streams nothing is served meanwhile.
            assert (await region.http.get(f"/v1/files/{file_id}")).status_code == 200

        async def status() -> int:
            return (await region.http.get(url, headers={"range": "bytes=0-0"})).status_code

        async with asyncio.timeout(30):
            while await status() != 206:
                await asyncio.sleep(0.01)


async def test_while_the_store_is_away_nothing_is_stored_and_all_comes_back(region: RegionUnderTest) -> None:
    file_id = await new_file(region, CONTENT)
    url, store = f"/v1/files/{file_id}/content", region.base.settings.data / "objects"
    away = store.with_name("away")
    store.rename(away)
    store.write_bytes(b"")
    for answer in (await post_file(region, CONTENT), await region.http.get(url)):
        assert error_of(answer) == (503, "service_unavailable", None)
        assert "retry-after" in answer.headers
    assert (await rows(region))[:2] == (1, 1)
    store.unlink()
    away.rename(store)
    assert (await region.http.get(url)).content == CONTENT
    region.clock.ms += WRITING_MS_MAX + 1
    await region.path.content.objects.sweep()
    assert await rows(region) == (1, 1, 1)
    assert len(objects_on_disk(region)) == 1


async def test_a_file_is_deleted_although_the_store_is_away(region: RegionUnderTest) -> None:
    file_id = await new_file(region, CONTENT)
    store = region.base.settings.data / "objects"
    away = store.with_name("away")
    store.rename(away)
    store.write_bytes(b"")
    assert (await region.http.delete(f"/v1/files/{file_id}")).status_code == 200
    store.unlink()
    away.rename(store)
    assert error_of(await region.http.get(f"/v1/files/{file_id}/content")) == (404, "not_found", None)
    assert len(objects_on_disk(region)) == 1
    await region.path.content.objects.sweep()
    assert objects_on_disk(region) == []


@pytest.mark.parametrize("room_bytes", [5 * MIB, 4096], ids=["for the database only", "for nothing"])
async def test_a_full_disk_refuses_what_is_new_and_keeps_the_rest(region: RegionUnderTest, room_bytes: int) -> None:
    file_id = await new_file(region, CONTENT)
    with files_of_at_most(room_bytes):
        refused = await post_file(region, CONTENT * 4)
        assert error_of(refused) == (503, "service_unavailable", None)
        assert "retry-after" in refused.headers
        assert (await region.http.get(f"/v1/files/{file_id}/content")).content == CONTENT
        listed = (await region.http.get("/v1/files")).json()["data"]
        assert [each["id"] for each in listed] == [file_id]
    assert (await region.http.get("/readyz")).status_code == 200
    await new_file(region, CONTENT * 4)
    region.clock.ms += WRITING_MS_MAX + 1
    await region.path.content.objects.sweep()
    assert await rows(region) == (2, 2, 2)
    assert len(objects_on_disk(region)) == 2
