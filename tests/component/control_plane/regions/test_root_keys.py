"""A rotation of the root key: who is told what, who has taken it, and who is not left behind by mistake."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domicile.boundary import protocol, signing
from domicile.boundary.enrollment import decode_token
from domicile.boundary.publisher_key import RootSuccession
from domicile.boundary.snapshot import READABLE_SCHEMAS, SignedManifest, SnapshotQuery
from domicile.control_plane.publisher_key_rotation import RegionsLeftBehindError, regions_without, rotate_root_key
from domicile.kernel.clock import SystemClock
from tests.component.control_plane.platform_under_test import Platform, Start
from tests.component.control_plane.region_double import RegionDouble

STRANGER = "pk_" + "0" * 16


async def poll(region: RegionDouble, root: str | None) -> SignedManifest:
    query = SnapshotQuery(0, 0, READABLE_SCHEMAS, 0, root)
    answer = await region.call("POST", protocol.SNAPSHOT, msgspec.json.encode(query))
    assert answer.status == 200, answer
    return msgspec.json.decode(answer.body, type=SignedManifest)


def current(platform: Platform) -> str:
    return platform.running.publisher.signer.root_key_ids[-1]


async def rotated(platform: Platform, tmp_path: Path, old: str, new: str, *left_behind: str) -> RootSuccession:
    database, folder = platform.running.database, tmp_path / "control"
    made = await rotate_root_key(database, SystemClock(), folder, folder / old, folder / new, left_behind)
    await platform.running.publisher.publish({"us": (), "eu": ()})
    return made


async def shown(platform: Platform) -> dict[str, tuple[Any, Any]]:
    regions = (await platform.operate("GET", "/regions"))["data"]
    return {region["code"]: (region["root_key"], region["root_key_is_current"]) for region in regions}


async def test_each_region_is_led_from_the_root_key_that_it_names_to_the_present_one(
    start: Start, tmp_path: Path
) -> None:
    platform = await start()
    us = await platform.enrolled("us")
    first = current(platform)
    await poll(us, first)
    to_second = await rotated(platform, tmp_path, "root.key", "second")
    # Off during this one: it is known to be of a version that follows.
    to_third = await rotated(platform, tmp_path, "second", "third")
    third = current(platform)
    assert first != to_third.before != third
    assert [each.succession for each in (await poll(us, first)).successions] == [to_second, to_third]
    assert [each.succession for each in (await poll(us, to_third.before)).successions] == [to_third]
    # Nothing for those who have it, and no member that the version before would refuse.
    for root in (third, STRANGER, None):
        assert (await poll(us, root)).successions == ()
    # Who is enrolled now trusts the present one from the start.
    assert signing.public_key_id(decode_token(await platform.token("eu")).root_key) == third


async def test_what_a_region_says_it_trusts_is_kept_and_never_becomes_older(start: Start, tmp_path: Path) -> None:
    platform = await start()
    us = await platform.enrolled("us")
    assert await shown(platform) == {"us": (None, False), "eu": (None, False)}
    first = current(platform)
    await poll(us, first)
    assert (await shown(platform))["us"] == (first, True)
    second = signing.public_key_id((await rotated(platform, tmp_path, "root.key", "second")).public_key)
    database = platform.running.database
    assert (await shown(platform))["us"] == (first, False)
    assert await regions_without(database, second) == ["us"]
    # One replica has taken it, the other one still asks under the old one.
    for root in (second, first, STRANGER, second):
        await poll(us, root)
    assert (await shown(platform))["us"] == (second, True)
    assert await regions_without(database, second) == []
    path = "/audit_logs?event_types[]=region.root_key_taken&event_types[]=installation.root_key_rotated"
    events = (await platform.operate("GET", path))["data"]
    assert [event["type"].split(".")[1] for event in events] == [
        "root_key_taken",
        "root_key_rotated",
        "root_key_taken",
    ]


async def test_a_region_that_could_not_follow_is_left_behind_by_name_only(start: Start, tmp_path: Path) -> None:
    """It is of a version before: it names no root key, and would refuse what the new one certifies."""
    platform = await start()
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    first = current(platform)
    await poll(us, first)
    await poll(eu, None)
    for left_behind in ((), ("us",)):
        with pytest.raises(RegionsLeftBehindError, match=r"which root key they trust: eu\."):
            await rotated(platform, tmp_path, "root.key", "second", *left_behind)
    assert current(platform) == first
    assert not (tmp_path / "control" / "second").exists()
    await rotated(platform, tmp_path, "root.key", "second", "eu")
    assert await regions_without(platform.running.database, current(platform)) == ["eu", "us"]
    # Upgraded, it is led on like the others.
    assert len((await poll(eu, first)).successions) == 1
