"""The operator of a region shuts keys and projects out, over the region's own listener."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.component.data_plane.operator.listener import operator_listener
from tests.unit.data_plane.region_parts import KEY_ID, NOW_MS, PROJECT

BLOCKS = "/operator/v1/blocks"


async def test_blocks_are_made_listed_and_lifted(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        key = listener.key_file.read_text().split()[0]
        headers = {"authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(base_url=listener.url, headers=headers, verify=False, trust_env=False) as client:
            for subject in (KEY_ID, PROJECT):
                made = (await client.post(BLOCKS, json={"id": subject})).json()
                assert made == {"object": "region.block", "id": subject, "blocked_at": NOW_MS // 1000}
            assert {block["id"] for block in (await client.get(BLOCKS)).json()["data"]} == {KEY_ID, PROJECT}
            lifted = await client.delete(f"{BLOCKS}/{KEY_ID}")
            assert (lifted.status_code, lifted.json()["deleted"]) == (200, True)
            assert (await client.delete(f"{BLOCKS}/{KEY_ID}")).status_code == 404
            assert [block["id"] for block in (await client.get(BLOCKS)).json()["data"]] == [PROJECT]


@pytest.mark.parametrize("body", [{}, {"id": "sk-eu-1"}, {"id": "org-" + "O" * 24}, {"id": PROJECT, "why": "text"}])
async def test_nothing_but_a_keys_or_a_projects_id_is_taken(tmp_path: Path, body: dict[str, Any]) -> None:
    async with operator_listener(tmp_path) as listener:
        headers = {"authorization": f"Bearer {listener.key_file.read_text().split()[0]}"}
        async with httpx2.AsyncClient(base_url=listener.url, headers=headers, verify=False, trust_env=False) as client:
            assert (await client.post(BLOCKS, json=body)).status_code == 400
            assert (await client.get(BLOCKS)).json()["data"] == []
