"""/v1/uploads over HTTP: parts in any order and in parallel become one file, or nothing stays of them."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domicile.data_plane.files import uploads
from domicile.data_plane.files.uploads import KEPT_MS
from domicile.kernel.clock import seconds
from domicile.openai_api.uploads import PART_BYTES_MAX, UPLOAD_BYTES_MAX
from tests.component.data_plane.files.files_under_test import (
    MIB,
    error_of,
    let_another_project_in,
    new_file,
    objects_on_disk,
    rows,
    withdraw_agreement,
)
from tests.component.data_plane.region_under_test import RegionUnderTest, region_under_test

PARTS = [os.urandom(size) for size in (MIB + 7, 5, 3 * MIB)]
WHOLE = b"".join(PARTS)
HOUR_MS = 3600 * 1000


@pytest_asyncio.fixture
async def region(tmp_path: Path) -> AsyncIterator[RegionUnderTest]:
    async with region_under_test(tmp_path, []) as region:
        yield region


async def new_upload(region: RegionUnderTest, size: int = len(WHOLE), **members: Any) -> str:
    """The id of a new upload."""
    body = {"filename": "big.jsonl", "purpose": "batch", "bytes": size, "mime_type": "application/jsonl", **members}
    answer = await region.http.post("/v1/uploads", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def add(region: RegionUnderTest, upload_id: str, content: bytes) -> str:
    """The id of a new part."""
    answer = await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": content})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def complete(region: RegionUnderTest, upload_id: str, part_ids: list[str], **members: Any) -> Any:
    return await region.http.post(f"/v1/uploads/{upload_id}/complete", json={"part_ids": part_ids, **members})


async def test_the_official_client_walks_the_life_of_an_upload(region: RegionUnderTest) -> None:
    async with region.official_client() as client:
        began = await client.uploads.create(
            filename="größe.jsonl", purpose="batch", bytes=len(WHOLE), mime_type="application/jsonl"
        )
        assert (began.status, began.filename, began.purpose, began.file) == ("pending", "größe.jsonl", "batch", None)
        assert (began.object, began.bytes) == ("upload", len(WHOLE))
        assert began.expires_at == began.created_at + 3600 == seconds(region.clock.ms) + 3600
        # In parallel, and in another order than that of the file.
        last, first, middle = await asyncio.gather(
            *(client.uploads.parts.create(began.id, data=PARTS[index]) for index in (2, 0, 1))
        )
        assert (first.object, first.upload_id) == ("upload.part", began.id)
        ended = await client.uploads.complete(
            began.id, part_ids=[first.id, middle.id, last.id], md5=hashlib.md5(WHOLE).hexdigest()
        )
        assert ended.status == "completed"
        assert ended.file is not None
        assert (ended.file.filename, ended.file.bytes, ended.file.purpose) == ("größe.jsonl", len(WHOLE), "batch")
        assert await client.files.retrieve(ended.file.id) == ended.file
        assert (await client.files.content(ended.file.id)).read() == WHOLE
        start, end = MIB, MIB + 20
        piece = await client.files.with_raw_response.content(
            ended.file.id, extra_headers={"range": f"bytes={start}-{end}"}
        )
        assert piece.content == WHOLE[start : end + 1]
        await client.files.delete(ended.file.id)
    assert objects_on_disk(region) == []
    assert (await rows(region))[:3] == (0, 0, 0)


async def test_the_official_clients_chunked_upload(region: RegionUnderTest) -> None:
    async with region.official_client() as client:
        ended = await client.uploads.upload_file_chunked(
            file=io.BytesIO(WHOLE).getvalue(),
            filename="a.jsonl",
            bytes=len(WHOLE),
            mime_type="application/jsonl",
            purpose="user_data",
            part_size=MIB,
        )
        assert ended.file is not None
        assert (await client.files.content(ended.file.id)).read() == WHOLE


async def test_a_completion_that_is_sent_again_gives_the_same_file(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region)
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    first = await complete(region, upload_id, part_ids)
    assert (await complete(region, upload_id, part_ids)).json() == first.json()
    other_order = await complete(region, upload_id, part_ids[::-1])
    assert error_of(other_order) == (409, "upload_not_pending", None)
    assert other_order.headers["x-should-retry"] == "false"
    for ended in (
        await region.http.post(f"/v1/uploads/{upload_id}/cancel"),
        await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"}),
    ):
        assert error_of(ended) == (409, "upload_not_pending", None)
    await region.http.delete(f"/v1/files/{first.json()['file']['id']}")
    assert error_of(await complete(region, upload_id, part_ids)) == (409, "upload_not_pending", None)


async def test_two_completions_at_once_make_one_file(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region)
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    answers = await asyncio.gather(*(complete(region, upload_id, part_ids) for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["file"]["id"] for answer in answers if answer.status_code == 200}) == 1
    assert (await rows(region))[:3] == (1, 3, 3)


async def test_parts_that_are_not_named_are_deleted(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region, len(PARTS[0]))
    unused, used = [await add(region, upload_id, part) for part in (PARTS[1], PARTS[0])]
    assert (await complete(region, upload_id, [used])).status_code == 200
    assert await rows(region) == (1, 1, 1, 1, 1)
    assert len(objects_on_disk(region)) == 1
    assert unused != used


async def test_what_is_wrong_with_a_completion(region: RegionUnderTest) -> None:
    upload_id, other = await new_upload(region), await new_upload(region)
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    foreign = await add(region, other, b"x")

    async def refusal(ids: list[str], **members: Any) -> tuple[int, str | None, str | None]:
        return error_of(await complete(region, upload_id, ids, **members))

    assert await refusal([]) == (400, "invalid_value", "part_ids")
    assert await refusal(["x"] * 1001) == (400, "invalid_value", "part_ids")
    assert await refusal([*part_ids[:2], foreign]) == (400, "invalid_value", "part_ids[2]")
    assert await refusal([*part_ids, part_ids[0]]) == (400, "invalid_value", "part_ids[3]")
    assert await refusal(part_ids[:2]) == (400, "invalid_value", "part_ids")
    assert await refusal(part_ids, md5="0" * 32) == (400, "invalid_value", "md5")
    assert await refusal(part_ids, md5="0") == (400, "invalid_value", "md5")
    assert await refusal(part_ids, sha256="0") == (400, "unknown_parameter", "sha256")
    # It is pending still.
    assert (await complete(region, upload_id, part_ids, md5=hashlib.md5(WHOLE).hexdigest().upper())).status_code == 200


async def test_a_cancelled_upload_leaves_nothing(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region)
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    for _ in range(2):
        cancelled = (await region.http.post(f"/v1/uploads/{upload_id}/cancel")).json()
        assert (cancelled["status"], cancelled["filename"]) == ("cancelled", "big.jsonl")
        assert "file" not in cancelled
    assert objects_on_disk(region) == []
    assert await rows(region) == (0, 0, 0, 1, 0)
    assert error_of(await complete(region, upload_id, part_ids)) == (409, "upload_not_pending", None)
    part = await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"})
    assert error_of(part) == (409, "upload_not_pending", None)


async def test_an_upload_has_an_hour(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region)
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    region.clock.ms += HOUR_MS
    assert error_of(await complete(region, upload_id, part_ids)) == (409, "upload_not_pending", None)
    part = await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"})
    assert error_of(part) == (409, "upload_not_pending", None)
    assert "expired" in part.json()["error"]["message"]
    content = region.path.content
    await content.uploads.sweep()
    await content.objects.sweep()
    assert objects_on_disk(region) == []
    assert await rows(region) == (0, 0, 0, 1, 0)
    region.clock.ms += KEPT_MS
    await content.uploads.sweep()
    assert await rows(region) == (0, 0, 0)


async def test_a_completed_upload_is_forgotten_and_its_file_stays(region: RegionUnderTest) -> None:
    upload_id = await new_upload(
        region, purpose="user_data", expires_after={"anchor": "created_at", "seconds": 2592000}
    )
    part_ids = [await add(region, upload_id, part) for part in PARTS]
    region.clock.ms += HOUR_MS - 1
    file = (await complete(region, upload_id, part_ids)).json()["file"]
    assert file["expires_at"] == file["created_at"] + 2592000
    region.clock.ms += KEPT_MS + 1
    await region.path.content.uploads.sweep()
    await region.path.content.objects.sweep()
    assert await rows(region) == (1, 3, 3)
    assert (await region.http.get(f"/v1/files/{file['id']}/content")).content == WHOLE


@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"bytes": 0}, "invalid_value", "bytes"),
        ({"bytes": UPLOAD_BYTES_MAX + 1}, "invalid_value", "bytes"),
        ({"bytes": "1"}, "invalid_type", "bytes"),
        ({"filename": ""}, "invalid_value", "filename"),
        ({"filename": "x" * 256}, "invalid_value", "filename"),
        ({"filename": "a\nb"}, "invalid_value", "filename"),
        ({"purpose": "assistants"}, "invalid_value", "purpose"),
        ({"purpose": "other"}, "invalid_value", "purpose"),
        ({"mime_type": ""}, "invalid_value", "mime_type"),
        ({"expires_after": {"anchor": "created_at"}}, "missing_required_parameter", "expires_after.seconds"),
        ({"expires_after": {"anchor": "x", "seconds": 3600}}, "invalid_value", "expires_after.anchor"),
        ({"part_size": 1}, "unknown_parameter", "part_size"),
    ],
)
async def test_what_is_wrong_with_an_upload(
    region: RegionUnderTest, members: dict[str, Any], code: str, param: str
) -> None:
    body = {"filename": "a", "purpose": "batch", "bytes": 1, "mime_type": "text/plain", **members}
    assert error_of(await region.http.post("/v1/uploads", json=body)) == (400, code, param)
    assert await rows(region) == (0, 0, 0)


async def test_an_upload_takes_twice_what_was_announced(
    region: RegionUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part may be sent again whose answer was lost; more is not stored."""
    upload_id = await new_upload(region, 10)
    for _ in range(2):
        await add(region, upload_id, b"x" * 10)
    more = await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"})
    assert error_of(more) == (413, "upload_full", None)
    monkeypatch.setattr(uploads, "PARTS_MAX", 2)
    another = await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b""})
    assert error_of(another) == (413, "upload_full", None)
    assert len(objects_on_disk(region)) == 2


async def test_a_part_that_is_too_large(region: RegionUnderTest) -> None:
    upload_id = await new_upload(region, UPLOAD_BYTES_MAX // 1024)
    answer = await region.http.post(
        f"/v1/uploads/{upload_id}/parts", files={"data": b"x" * (PART_BYTES_MAX + 1)}, timeout=60
    )
    assert error_of(answer) == (413, "request_too_large", "data")
    assert objects_on_disk(region) == []


async def test_an_upload_reserves_its_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domicile.apps.region.content._GIB", 1024)
    async with region_under_test(tmp_path, [], limits={"project_storage_gib": 1}) as region:
        upload_id = await new_upload(region, 1000)
        body = {"filename": "a", "purpose": "batch", "bytes": 25, "mime_type": "text/plain"}
        assert error_of(await region.http.post("/v1/uploads", json=body)) == (413, "storage_quota_exceeded", None)
        part_id = await add(region, upload_id, b"x" * 1000)
        assert (await complete(region, upload_id, [part_id])).status_code == 200
        await new_file(region, b"x" * 24)
        assert error_of(await region.http.post("/v1/uploads", json=body)) == (413, "storage_quota_exceeded", None)


async def test_another_projects_upload_is_as_unknown_as_none(region: RegionUnderTest) -> None:
    upload_id, unknown = await new_upload(region), "upload_" + "0" * 24
    part_id = await add(region, upload_id, b"x")
    others = let_another_project_in(region)
    for path, sent in (
        ("parts", {"files": {"data": b"x"}}),
        ("complete", {"json": {"part_ids": [part_id]}}),
        ("cancel", {}),
    ):
        foreign = await region.http.post(f"/v1/uploads/{upload_id}/{path}", headers=others, **sent)
        never = await region.http.post(f"/v1/uploads/{unknown}/{path}", headers=others, **sent)
        assert error_of(foreign) == (404, "not_found", None)
        assert foreign.text.replace(upload_id, unknown) == never.text
    assert await rows(region) == (0, 0, 1, 1, 1)


async def test_without_an_agreement_an_upload_can_only_be_cancelled(tmp_path: Path) -> None:
    async with region_under_test(tmp_path, [], requires=frozenset({"enterprise", "zdr"})) as region:
        upload_id = await new_upload(region, 1)
        part_id = await add(region, upload_id, b"x")
        withdraw_agreement(region)
        for answer in (
            await region.http.post("/v1/uploads", json={}),
            await region.http.post(f"/v1/uploads/{upload_id}/parts", files={"data": b"x"}),
            await complete(region, upload_id, [part_id]),
        ):
            assert error_of(answer) == (403, "enterprise_agreement_required", None)
        assert (await region.http.post(f"/v1/uploads/{upload_id}/cancel")).status_code == 200
        assert objects_on_disk(region) == []
