"""What crosses the boundary listener: only signed, only one's own, and soon."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from domicile.apps.control import serving
from domicile.boundary import protocol, signing
from domicile.boundary.snapshot import SNAPSHOT_SCHEMA, digest, encode_shard
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.publication import snapshot_feed
from domicile.control_plane.publication.region_shards import RegionShards
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import CATALOGUE, Platform, Start
from tests.component.control_plane.region_double import NOTHING_HELD, Held, RegionDouble

QUERY = msgspec.json.encode(NOTHING_HELD)


async def test_a_manifest_says_what_it_should(platform: Platform) -> None:
    eu = await platform.enrolled("eu")
    held = await eu.current()
    manifest = held.manifest
    assert manifest.installation_id == platform.running.identity.installation_id
    assert (manifest.region, manifest.epoch, manifest.catalogue_version) == ("eu", 1, CATALOGUE.version)
    assert [(entry.region, entry.host) for entry in manifest.directory] == [
        ("eu", "eu.domicile.example"),
        ("us", "us.domicile.example"),
    ]
    assert eu.token is not None
    assert manifest.schema == 3
    assert manifest.key_id == platform.running.publisher.signer.key_id
    assert eu.token.root_key == platform.running.publisher.signer.root_key
    assert abs(manifest.issued_at_ms - time.time() * 1000) < 60_000


async def test_a_region_is_told_of_its_own_projects_and_keys_alone(platform: Platform) -> None:
    """C14: the other region's are looked for among the ids, and among the bytes of every shard."""
    regions = {code: await platform.enrolled(code) for code in ("us", "eu")}
    made: dict[str, dict[str, str]] = {}
    for code in regions:
        project = await platform.project(geography=code.upper())
        account = await platform.account(project["id"])
        made[code] = {
            "project": project["id"],
            "key": account["api_key"]["id"],
            "sha256": base64.b64encode(hashlib.sha256(account["api_key"]["value"].encode()).digest()).decode(),
        }
    for code, other in (("us", "eu"), ("eu", "us")):
        held = await regions[code].current()
        assert set(held.projects) == {made[code]["project"]}
        assert set(held.keys) == {made[code]["key"]}
        # As it is after changes, and as it is read whole, which is after a restart.
        read = RegionShards(code)
        await read.refresh(Reader(platform.running.database), 1)
        assert set(read.references(SNAPSHOT_SCHEMA)) == set(held.manifest.shards)
        crossed = b"".join((*(encode_shard(shard) for shard in held.shards), *read.bodies().values()))
        assert all(value.encode() in crossed for value in made[code].values())
        assert not [value for value in made[other].values() if value.encode() in crossed]


async def test_no_name_crosses(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project(name="secret-project-name")
    await platform.account(project["id"], name="secret-account-name")
    crossed = b"".join(encode_shard(shard) for shard in (await us.current()).shards)
    assert project["id"].encode() in crossed
    assert b"secret" not in crossed
    assert b"First organization" not in crossed


async def test_unsigned_and_wrongly_signed_calls_are_refused(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    stranger = await platform.region("us")
    good = us.signature("POST", protocol.SNAPSHOT, QUERY)
    attempts: dict[str, dict[str, str]] = {
        "unsigned": {},
        "another identity": stranger.signature("POST", protocol.SNAPSHOT, QUERY),
        "another region's code": us.signature("POST", protocol.SNAPSHOT, QUERY, as_region="eu"),
        "another region's identity": eu.signature("POST", protocol.SNAPSHOT, QUERY, as_region="us"),
        "an unknown region": us.signature("POST", protocol.SNAPSHOT, QUERY, as_region="mars"),
        "another body": us.signature("POST", protocol.SNAPSHOT, b"{}"),
        "another path": us.signature("POST", protocol.USAGE, QUERY),
        "another method": us.signature("GET", protocol.SNAPSHOT, QUERY),
        "an old time": us.signature("POST", protocol.SNAPSHOT, QUERY, at_ms=int(time.time() * 1000) - 301_000),
        "a time to come": us.signature("POST", protocol.SNAPSHOT, QUERY, at_ms=int(time.time() * 1000) + 301_000),
        "no number": {**good, signing.TIMESTAMP_HEADER: "now"},
        "no base64": {**good, signing.SIGNATURE_HEADER: "?"},
        "no replica": {**good, signing.REPLICA_HEADER: "rep"},
        "another replica": {**good, signing.REPLICA_HEADER: new_id("rep_")},
    }
    for name, headers in attempts.items():
        answer = await us.send("POST", protocol.SNAPSHOT, QUERY, headers=headers)
        assert (answer.status, answer.code) == (403, "bad_signature"), name
    assert (await us.send("POST", protocol.SNAPSHOT, QUERY, headers=good)).status == 200
    for path in (protocol.USAGE, protocol.AUDIT, protocol.SERVICE_LEVELS):
        assert (await us.send("POST", path, b"{}", headers={})).code == "bad_signature"
    assert (await us.send("GET", f"{protocol.SHARD}/{'0' * 64}", b"", headers={})).code == "bad_signature"


@pytest.fixture
def small_body_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A control plane that is started with it holds half a megabyte."""
    monkeypatch.setattr(serving, "BOUNDARY_BODY_MEMORY_BYTES", 1024 * 1024)


@pytest.mark.usefixtures("small_body_memory")
async def test_bodies_of_unanswered_calls_are_bounded_together(platform: Platform) -> None:
    """A body comes before its signature can be checked: a thousand connections of 16 MiB would end the control plane."""
    us = await platform.enrolled("us")
    body = bytes(768 * 1024)
    answer = await us.send("POST", protocol.USAGE, body, headers=us.signature("POST", protocol.USAGE, b"another"))
    assert answer.status == 503
    assert (await us.send("POST", protocol.USAGE, b"{}", headers={})).code == "bad_signature"
    await us.current()


@pytest.mark.contract("C14")
async def test_a_shard_is_its_regions_alone(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    await platform.project(geography="EU")
    (sha256, *_) = [reference.sha256 for reference in (await eu.current()).manifest.shards]
    assert (await eu.call("GET", f"{protocol.SHARD}/{sha256}")).status == 200
    for name in (sha256, "0" * 64, "none"):
        answer = await us.call("GET", f"{protocol.SHARD}/{name}")
        assert (answer.status, answer.code) == (404, "not_found")


async def test_the_previous_snapshots_shards_stay_for_one_publication(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    (before,) = {digest(encode_shard(shard)) for shard in (await us.current()).shards if shard.projects}
    await platform.account(project["id"])
    assert (await us.call("GET", f"{protocol.SHARD}/{before}")).status == 200
    await platform.account(project["id"])
    assert (await us.call("GET", f"{protocol.SHARD}/{before}")).status == 404


async def test_a_new_key_moves_one_shard(platform: Platform) -> None:
    us = await platform.enrolled("us")
    projects = [await platform.project() for _ in range(3)]
    before = {reference.index: reference.sha256 for reference in (await us.current()).manifest.shards}
    await platform.account(projects[0]["id"])
    after = {reference.index: reference.sha256 for reference in (await us.current()).manifest.shards}
    assert len([index for index in after if after[index] != before.get(index)]) == 1


async def test_a_poll_waits_for_the_next_snapshot(platform: Platform) -> None:
    us = await platform.enrolled("us")
    held = await us.current()
    async with _polling(us, held) as polls:
        project = await platform.project()
        # The call has returned, so the region had it before.
        assert project["id"] in polls.latest.projects
        assert polls.latest.manifest.number > held.manifest.number


async def test_a_change_waits_for_every_replica_in_contact_but_not_for_long(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    us = await platform.enrolled("us")
    second = await platform.region("us", key=us.key)
    second.token = us.token
    held = await us.current()
    await second.current()
    monkeypatch.setattr(snapshot_feed, "ACKNOWLEDGEMENT_S", 1.0)
    async with _polling(us, held):
        started = time.monotonic()
        await platform.project()
        # The second replica polled once and never again: it is waited for, for one second.
        assert 0.9 <= time.monotonic() - started < 20
        async with _polling(second, held):
            # Both poll, so it returns by their word, and would not by the clock.
            monkeypatch.setattr(snapshot_feed, "ACKNOWLEDGEMENT_S", 3600.0)
            await platform.project()


async def test_numbers_grow_over_restarts(start: Start) -> None:
    async with AsyncExitStack() as first:
        platform = await start(lifetime=first)
        eu = await platform.enrolled("eu")
        for _ in range(3):
            await platform.running.publisher.publish({"eu": ()})
        before = await eu.current()
    platform = await start()
    after = await platform.region("eu", key=eu.key)
    after.token = eu.token
    newer = await after.poll(before.query)
    assert newer is not None
    assert (newer.manifest.epoch, newer.manifest.number) > (before.manifest.epoch, before.manifest.number)
    assert newer.manifest.key_id == before.manifest.key_id


async def test_a_poll_ends_when_the_control_plane_stops(start: Start) -> None:
    async with AsyncExitStack() as lifetime:
        platform = await start(lifetime=lifetime)
        us = await platform.enrolled("us")
        held = await us.current()
        poll = asyncio.create_task(us.call("POST", protocol.SNAPSHOT, msgspec.json.encode(held.query)))
        while platform.running.publisher.contacts("us")[us.replica].version != (1, held.manifest.number):
            await asyncio.sleep(0)
        started = time.monotonic()
        platform.running.publisher.close()
        assert (await poll).status == 204
        assert time.monotonic() - started < 20


class _Polls:
    """What a region that polls on and on has last taken over."""

    def __init__(self, region: RegionDouble, held: Held) -> None:
        self._region = region
        self.latest = held

    async def run(self) -> None:
        """As a region does: the next poll acknowledges what the last one brought."""
        while True:
            newer = await self._region.poll(self.latest.query)
            if newer is not None:
                self.latest = newer


@asynccontextmanager
async def _polling(region: RegionDouble, held: Held) -> AsyncIterator[_Polls]:
    polls = _Polls(region, held)
    task = asyncio.create_task(polls.run())
    try:
        yield polls
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
