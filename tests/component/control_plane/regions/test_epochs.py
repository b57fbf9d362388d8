"""A database restored from a backup: its regions keep what they have until the operator says what counts (design 2)."""

import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec

from domicile.boundary import protocol
from domicile.boundary.snapshot import SignedManifest, SnapshotQuery
from domicile.control_plane.publication.publisher_keys import rotate
from domicile.kernel.clock import SystemClock
from tests.component.control_plane.platform_under_test import Platform, Start
from tests.component.control_plane.region_double import Answer, Held, RegionDouble


async def _poll(region: RegionDouble, query: SnapshotQuery) -> Answer:
    return await region.call("POST", protocol.SNAPSHOT, msgspec.json.encode(query))


async def _restored(start: Start, folder: Path) -> tuple[Platform, RegionDouble, Held, str]:
    """A key that was revoked after the backup, and a region that has seen its revocation."""
    async with AsyncExitStack() as first:
        platform = await start(lifetime=first)
        us = await platform.enrolled("us")
        account = await platform.account((await platform.project())["id"])
        key_id = account["api_key"]["id"]
    shutil.copytree(folder / "control", folder / "backup")
    async with AsyncExitStack() as second:
        platform = await start(lifetime=second)
        us = await _again(platform, us)
        assert key_id in (await us.current()).keys
        for _ in range(9):
            await platform.running.publisher.publish({"us": ()})
        path = f"/v1/organization/projects/{(await us.current()).keys[key_id].project_id}/api_keys/{key_id}"
        assert (await platform.ask("DELETE", path))[0] == 200
        held = await us.current()
        assert key_id not in held.keys
    shutil.rmtree(folder / "control")
    shutil.copytree(folder / "backup", folder / "control")
    platform = await start()
    return platform, await _again(platform, us), held, key_id


async def _again(platform: Platform, region: RegionDouble) -> RegionDouble:
    again = await platform.region(region.code, key=region.key)
    again.token = region.token
    return again


async def test_a_restored_control_plane_publishes_nothing_until_a_new_epoch(start: Start, tmp_path: Path) -> None:
    platform, us, held, key_id = await _restored(start, tmp_path)
    answer = await _poll(us, held.query)
    assert (answer.status, answer.code) == (409, "new_epoch_required")
    # However often it is renewed: what is older must not become newer by waiting.
    before = platform.running.publisher.version("us")
    assert before < (held.manifest.epoch, held.manifest.number)
    for _ in range(30):
        await platform.running.publisher.publish({"us": ()})
    assert platform.running.publisher.version("us") == before
    assert (await _poll(us, held.query)).code == "new_epoch_required"
    (status,) = [each for each in (await platform.operate("GET", "/regions"))["data"] if each["code"] == "us"]
    assert status["new_epoch_required"] is True

    assert (await platform.operate("POST", "/epoch"))["epoch"] == 2
    newer = await us.poll(held.query)
    assert newer is not None
    assert newer.manifest.epoch == 2
    assert key_id in newer.keys, "what was revoked since the backup has to be revoked again"
    (event,) = (await platform.operate("GET", "/audit_logs?event_types[]=installation.epoch_declared"))["data"]
    assert event["installation.epoch_declared"]["data"] == {"epoch": 2}
    (status,) = [each for each in (await platform.operate("GET", "/regions"))["data"] if each["code"] == "us"]
    assert (status["new_epoch_required"], status["epoch"]) == (False, 2)


async def test_an_epoch_is_past_what_the_regions_hold(start: Start) -> None:
    """The backup may be from before the last epoch."""
    platform = await start()
    us = await platform.enrolled("us")
    assert (await _poll(us, SnapshotQuery(7, 1, (2, 3)))).code == "new_epoch_required"
    assert (await platform.operate("POST", "/epoch"))["epoch"] == 8
    assert (await _poll(us, SnapshotQuery(7, 1, (2, 3)))).status == 200


async def test_only_the_operator_declares_an_epoch(start: Start) -> None:
    platform = await start()
    assert (await platform.ask("POST", "/operator/v1/epoch"))[0] == 403
    assert (await platform.ask("POST", "/operator/v1/epoch", key="opk-" + "a" * 40))[0] == 401


async def test_a_region_of_the_version_before_is_answered_in_its_own_words(start: Start) -> None:
    platform = await start()
    us = await platform.enrolled("us")
    await platform.project()
    answer = await _poll(us, SnapshotQuery(0, 0, (1, 2)))
    manifest = msgspec.json.decode(msgspec.json.decode(answer.body, type=SignedManifest).manifest)
    assert manifest["schema"] == 2
    new = await us.current()
    assert new.manifest.schema == 3
    assert (new.manifest.epoch, new.manifest.number) == (manifest["epoch"], manifest["number"])
    for reference in manifest["shards"]:
        shard = await us.call("GET", f"{protocol.SHARD}/{reference['sha256']}")
        members = {"region", "index", "organizations", "projects", "keys"}
        assert set(msgspec.json.decode(shard.body)) == members


async def test_a_region_that_reads_neither_schema_is_told_so(start: Start) -> None:
    platform = await start()
    us = await platform.enrolled("us")
    for schemas in ((1,), (4, 5)):
        answer = await _poll(us, SnapshotQuery(0, 0, schemas))
        assert (answer.status, answer.code) == (409, "no_common_schema")


async def test_a_key_is_rotated_while_the_control_plane_runs(start: Start, tmp_path: Path) -> None:
    platform = await start()
    us = await platform.enrolled("us")
    before, signer = await us.current(), platform.running.publisher.signer
    folder, now_ms = tmp_path / "control", SystemClock().now_ms()
    made = rotate(folder, folder / "root.key", platform.running.identity.installation_id, now_ms)
    await platform.running.publisher.publish({"us": ()})
    after = await us.poll(before.query)
    assert after is not None
    assert after.manifest.key_id == made.key_id != before.manifest.key_id
    # A stolen key may have counted to where no number follows: under the certificate before, that is nothing.
    far = SnapshotQuery(2**40, 1, (2, 3), signer.serial)
    assert (await _poll(us, far)).status == 200
    assert (await _poll(us, SnapshotQuery(2**40, 1, (2, 3), made.serial))).code == "new_epoch_required"
