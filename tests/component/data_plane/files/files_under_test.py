"""What the tests of files and uploads have in common."""

from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import func, select

from domicile.boundary.snapshot import Shard
from domicile.data_plane.tables import file, file_part, stored_object, upload, upload_part
from tests.component.data_plane.region_under_test import RegionUnderTest
from tests.unit.data_plane.region_parts import key_record, new_key, organization_record, project_record, snapshot_table

MIB = 1024 * 1024
DAY_S = 24 * 60 * 60
OTHERS_KEY = new_key()
OTHER_PROJECT = "proj_" + "Q" * 24


async def post_file(
    region: RegionUnderTest, content: bytes = b"x", name: str = "a.txt", **fields: Any
) -> httpx2.Response:
    """POST /v1/files."""
    form = {"purpose": "user_data", **fields}
    return await region.http.post("/v1/files", data=form, files={"file": (name, content)})


async def new_file(region: RegionUnderTest, content: bytes = b"x", name: str = "a.txt", **fields: Any) -> str:
    """The id of a new file."""
    answer = await post_file(region, content, name, **fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def rows(region: RegionUnderTest) -> tuple[int, ...]:
    """How many files, parts of files and objects the region knows, beside uploads and their parts where there are any."""
    async with region.base.storage.region.reading() as connection:
        counts = [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (file, file_part, stored_object, upload, upload_part)
        ]
    return tuple(counts) if any(counts[3:]) else tuple(counts[:3])


def objects_on_disk(region: RegionUnderTest) -> list[Path]:
    return [path for path in (region.base.settings.data / "objects").rglob("*") if path.is_file()]


def error_of(answer: httpx2.Response) -> tuple[int, str | None, str | None]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def let_another_project_in(region: RegionUnderTest) -> dict[str, str]:
    """The headers with which it asks."""
    projects = (project_record(), project_record(project_id=OTHER_PROJECT))
    keys = (key_record(region.secret), key_record(OTHERS_KEY, project_id=OTHER_PROJECT, key_id="key_" + "L" * 24))
    region.snapshots.swap(snapshot_table(Shard("eu", 0, (organization_record(),), projects, keys)))
    return {"authorization": f"Bearer {OTHERS_KEY}"}


def withdraw_agreement(region: RegionUnderTest) -> None:
    withdrawn = organization_record(enterprise_agreement=False)
    shard = Shard("eu", 0, (withdrawn,), (project_record(),), (key_record(region.secret),))
    region.snapshots.swap(snapshot_table(shard))
