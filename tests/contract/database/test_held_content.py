"""The report of held content on both databases."""

import json

from sqlalchemy import insert
from starlette.requests import Request
from tests.contract.database.conftest import Open
from tests.unit.data_plane.region_parts import NOW_MS, PROJECT

from domicile.data_plane.operator.held_content import HeldContent
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.tables import image_link, stored_object


async def test_kinds_with_and_without_a_purpose_and_a_bucket(databases: Open) -> None:
    database = await databases("region")
    link = {"image_id": "img_1", "project_id": PROJECT, "size_bytes": 5, "ciphertext": b"x", "expires_at_ms": NOW_MS}
    placed = {"bucket": "acme", "signing_region": "eu-west-3", "state": "whole", "changed_at_ms": NOW_MS}
    stored = {"object_id": "obj_1", "project_id": PROJECT, "size_bytes": 10, "wrapped_key": b"", **placed}
    async with database.transaction() as connection:
        await connection.execute(insert(image_link).values(link))
        await connection.execute(insert(stored_object).values(stored))
    request = Request({"type": "http", "method": "GET", "query_string": b"", "headers": []})
    answer = await HeldContent(database, CurrentSnapshot()).show(request)
    found = [(each["kind"], each["purpose"], each["bucket"]) for each in json.loads(bytes(answer.body))["data"]]
    assert found == [("image_links", None, None), ("objects_in_bucket", None, "acme")]
