"""The whole way of a key: enrolled region, project, service account, snapshot."""

from domicile.kernel import api_keys
from tests.unit.control_plane.conftest import Platform


async def test_a_key_reaches_its_region(platform: Platform) -> None:
    us = await platform.enrolled("us")
    eu = await platform.enrolled("eu")
    project = await platform.project(residency="EU_STORAGE_PROCESSING")
    account = await platform.account(project["id"])
    held = await eu.current()
    key = held.keys[account["api_key"]["id"]]
    assert key.sha256 == api_keys.sha256(account["api_key"]["value"])
    assert list(held.projects) == [project["id"]]
    assert not (await us.current()).shards
