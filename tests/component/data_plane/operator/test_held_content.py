"""What a region holds of its projects: counts, sizes, times and reasons, and no content."""

from pathlib import Path
from typing import Any

from sqlalchemy import insert

from domicile.boundary.snapshot import Shard
from domicile.data_plane.storage.image_links import LIFETIME_MS
from domicile.data_plane.tables import batch, file, image_link, stored_object, upload
from tests.component.data_plane.operator.listener import Listener, operator_listener
from tests.unit.data_plane.region_parts import NOW_MS, PROJECT, organization_record, project_record, snapshot_table

HELD = "/operator/v1/held_content"
ARCHIVED = "proj_" + "A" * 24
NAME = b"sealed name"


def file_row(number: int, project_id: str = PROJECT, **columns: Any) -> dict[str, Any]:
    return {
        "id": f"file-{number}",
        "project_id": project_id,
        "purpose": "user_data",
        "size_bytes": 10,
        "created_at_ms": NOW_MS + number * 1000,
        "expires_at_ms": None,
        "sealed_name": NAME,
        **columns,
    }


async def fill(listener: Listener, *rows: tuple[Any, dict[str, Any]]) -> None:
    async with listener.base.storage.region.transaction() as connection:
        for table, row in rows:
            await connection.execute(insert(table).values(row))
    listener.base.snapshots.swap(snapshot_table(Shard("eu", 0, (organization_record(),), (project_record(),), ())))


async def test_each_kind_is_told_with_its_times_and_its_reason(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        assert (await listener.get(HELD)).json()["data"] == []
        begun = {"status": "pending", "purpose": "batch", "size_bytes": 7, "sealed_name": NAME}
        times = {"created_at_ms": NOW_MS, "expires_at_ms": NOW_MS + 3_600_000}
        link = {"image_id": "img_1", "project_id": PROJECT, "size_bytes": 5, "ciphertext": b"x"}
        a_batch = {"batch_id": "batch_1", "project_id": PROJECT, "key_id": "k", "endpoint": "/v1/embeddings"}
        of_batch = {"status": "completed", "input_file_id": "file-1", "input_parts": b"[]", **times}
        await fill(
            listener,
            (file, file_row(1)),
            (file, file_row(2, expires_at_ms=NOW_MS + 9_000)),
            (file, file_row(3, purpose="batch", expires_at_ms=NOW_MS + 9_000)),
            (file, file_row(4, ARCHIVED)),
            (upload, {"id": "upload_1", "project_id": PROJECT, **begun, **times}),
            (upload, {"id": "upload_2", "project_id": PROJECT, **begun, **times, "status": "completed"}),
            (batch, a_batch | of_batch),
            (image_link, {**link, "expires_at_ms": NOW_MS + LIFETIME_MS}),
        )
        answer = await listener.get(HELD)
        assert NAME not in answer.content
        found = {
            (each["project"], each["kind"], each["purpose"]): (
                each["count"],
                each["bytes"],
                each["since"] - NOW_MS // 1000,
                each["until"] and each["until"] - NOW_MS // 1000,
                each["project_is_served"],
            )
            for each in answer.json()["data"]
        }
        assert found == {
            (ARCHIVED, "files", "user_data"): (1, 10, 4, None, False),
            (PROJECT, "files", "batch"): (1, 10, 3, 9, True),
            (PROJECT, "files", "user_data"): (2, 20, 1, None, True),
            (PROJECT, "uploads", "batch"): (1, 7, 0, 3600, True),
            (PROJECT, "batches", None): (1, 0, 0, None, True),
            (PROJECT, "image_links", None): (1, 5, 0, 3600, True),
        }
        assert all(each["reason"] for each in answer.json()["data"])
        one = (await listener.get(f"{HELD}?project={ARCHIVED}")).json()["data"]
        assert [each["project"] for each in one] == [ARCHIVED]


async def test_customers_buckets_are_told(tmp_path: Path) -> None:
    def stored(number: int, state: str, bucket: str | None, project_id: str = PROJECT) -> tuple[Any, dict[str, Any]]:
        where = {"bucket": bucket, "signing_region": None if bucket is None else "eu-west-3"}
        row = {"object_id": f"obj_{number}", "project_id": project_id, "state": state, "size_bytes": 10}
        return stored_object, {**row, "wrapped_key": b"", "changed_at_ms": NOW_MS + number * 1000, **where}

    async with operator_listener(tmp_path) as listener:
        gone = "proj_" + "G" * 24
        await fill(
            listener,
            stored(1, "whole", "acme"),
            stored(2, "writing", "acme"),
            stored(3, "whole", "acme-old"),
            stored(4, "whole", None),
            stored(5, "deleting", "acme", gone),
            stored(6, "deleting", None, "proj_" + "H" * 24),
        )
        found = [
            (each["project"], each["kind"], each["bucket"], each["count"], each["since"] - NOW_MS // 1000)
            for each in (await listener.get(HELD)).json()["data"]
        ]
        assert sorted(found) == [
            (gone, "undeleted_in_bucket", "acme", 1, 5),
            (PROJECT, "objects_in_bucket", "acme", 2, 1),
            (PROJECT, "objects_in_bucket", "acme-old", 1, 3),
        ]


async def test_many_projects_come_in_pages(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        projects = [f"proj_{number:024d}" for number in range(5)]
        await fill(listener, *((file, file_row(number, project)) for number, project in enumerate(projects)))
        seen, after, pages = [], "", 0
        while True:
            page = (await listener.get(f"{HELD}?limit=2&after={after}")).json()
            seen += [each["project"] for each in page["data"]]
            after, pages = page["last_id"], pages + 1
            if not page["has_more"]:
                break
        assert (seen, pages) == (projects, 3)
        assert (await listener.get(f"{HELD}?limit=101")).status_code == 400
        assert (await listener.get(f"{HELD}?content=all")).status_code == 400
