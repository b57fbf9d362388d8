"""How a region becomes known: once, by a token, for ever."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from domicile.boundary.enrollment import decode_token
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.regions.service import RegionChangedError
from domicile.settings.installation import Installation
from tests.component.control_plane.platform_under_test import (
    SHARED_LOOP,
    Platform,
    ShiftedClock,
    Start,
    code_of,
    settings,
)
from tests.component.control_plane.region_double import RegionDouble


async def test_a_region_enrolls_and_is_seen(platform: Platform) -> None:
    before = {region["code"]: region for region in (await platform.operate("GET", "/regions"))["data"]}
    assert [before[code]["enrolled"] for code in ("us", "eu")] == [False, False]
    eu = await platform.enrolled("eu")
    held = await eu.current()
    await eu.current()
    after = {region["code"]: region for region in (await platform.operate("GET", "/regions"))["data"]}
    assert [after[code]["enrolled"] for code in ("us", "eu")] == [False, True]
    seen = after["eu"]
    assert (seen["public_url"], seen["residency"]) == ("https://eu.domicile.example", "EU_STORAGE_PROCESSING")
    assert seen["requires"] == ["enterprise", "zdr"]
    assert len(seen["countries"]) == 31
    assert (seen["epoch"], seen["number"]) == (held.manifest.epoch, held.manifest.number)
    (replica,) = seen["replicas"]
    assert replica["id"] == eu.replica
    assert 0 <= replica["last_contact_age_seconds"] < 10


async def test_a_replica_is_seen_with_what_it_acknowledged(platform: Platform) -> None:
    us = await platform.enrolled("us")
    held = await us.current()
    await platform.running.publisher.publish({"us": ()})
    assert await us.poll(held.query) is not None
    (replica,) = (await platform.operate("GET", "/regions"))["data"][0]["replicas"]
    assert (replica["epoch"], replica["number"]) == (held.manifest.epoch, held.manifest.number)


async def test_the_receipt_names_the_installation_and_may_be_asked_for_again(platform: Platform) -> None:
    eu = await platform.region("eu")
    token = await platform.token("eu")
    first, again = await eu.enroll(token), await eu.enroll(token)
    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert platform.running.identity.installation_id.encode() in first.body
    # And a fresh token changes nothing either.
    assert (await eu.enroll(await platform.token("eu"))).status == 200


async def test_a_token_works_once(platform: Platform) -> None:
    token = await platform.token("eu")
    first, second = await platform.region("eu"), await platform.region("eu")
    assert (await first.enroll(token)).status == 200
    answer = await second.enroll(token)
    assert (answer.status, answer.code) == (403, "invalid_enrollment_token")


async def test_another_identity_never_takes_a_regions_place(platform: Platform) -> None:
    eu = await platform.enrolled("eu")
    answer = await (await platform.region("eu")).enroll(await platform.token("eu"))
    assert (answer.status, answer.code) == (409, "region_already_enrolled")
    # Nor may one identity be two regions.
    answer = await (await platform.region("us", key=eu.key)).enroll(await platform.token("us"))
    assert (answer.status, answer.code) == (409, "region_already_enrolled")
    assert (await eu.current()).manifest.region == "eu"


async def test_a_token_is_for_its_region_and_its_hour(platform: Platform, clock: ShiftedClock) -> None:
    token = await platform.token("eu")
    us = await platform.region("us")
    assert (await us.enroll(token)).code == "invalid_enrollment_token"
    eu = await platform.region("eu")
    assert (await eu.enroll(token, code="us")).code == "invalid_enrollment_token"
    clock.ahead_ms = 3_600_000
    answer = await eu.enroll(token)
    assert (answer.status, answer.code) == (403, "invalid_enrollment_token")


async def test_a_made_up_secret_and_an_unknown_region(platform: Platform) -> None:
    stranger = await platform.region("mars")
    assert (await stranger.enroll(await platform.token("eu"))).code == "invalid_enrollment_token"
    status, answer = await platform.ask(
        "POST", "/operator/v1/regions/mars/enrollment_tokens", key=platform.operator_key
    )
    assert (status, code_of(answer)) == (404, "not_found")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ({"residency": "JP_STORAGE"}, "residency"),
        ({"countries": ("DE",)}, "countries"),
        ({"countries": ("DE", "US")}, "countries"),
    ],
)
async def test_a_region_must_be_what_the_configuration_says(
    platform: Platform, claim: dict[str, str], reason: str
) -> None:
    eu = await platform.region("eu")
    answer = await eu.enroll(await platform.token("eu"), **claim)  # type: ignore[arg-type]
    assert (answer.status, answer.code) == (409, "region_mismatch")
    assert reason in answer.message
    regions = (await platform.operate("GET", "/regions"))["data"]
    assert [region["enrolled"] for region in regions] == [False, False]


@SHARED_LOOP
async def test_only_the_secrets_hash_is_stored(shared: Platform) -> None:
    token = decode_token(await shared.token("us"))
    async with shared.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        stored = (await connection.execute(text("SELECT * FROM enrollment_token"))).all()
    assert len(stored) >= 3
    assert repr(token.secret)[2:-1] not in repr(stored)
    assert token.secret.hex() not in repr(stored)


def _europe(folder: Path, **members: object) -> Installation:
    values = settings(folder).model_dump()
    values["regions"][1].update(members)
    return Installation.model_validate(values)


@pytest.mark.contract("C10")
@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"residency": "EUROPE"}, "enrolled with residency"),
        ({"countries": ["EEA+CH", "GB"]}, "GB"),
        ({"code": "europe"}, "no such region"),
    ],
)
async def test_a_start_with_another_region_under_an_old_name_is_refused(
    start: Start, tmp_path: Path, members: dict[str, object], reason: str
) -> None:
    async with AsyncExitStack() as first:
        platform = await start(lifetime=first)
        await platform.enrolled("eu")
    with pytest.raises(RegionChangedError, match=reason):
        await start(_europe(tmp_path, **members))


async def test_countries_may_become_fewer_and_never_more_again(start: Start, tmp_path: Path) -> None:
    async with AsyncExitStack() as first:
        platform = await start(lifetime=first)
        eu = await platform.enrolled("eu")
        key = eu.key
    async with AsyncExitStack() as second:
        platform = await start(_europe(tmp_path, countries=["DE", "FR"]), second)
        seen = (await platform.operate("GET", "/regions"))["data"][1]
        assert seen["countries"] == ["DE", "FR"]
        region: RegionDouble = await platform.region("eu", key=key)
        assert (await region.enroll(await platform.token("eu"), countries=("FR", "DE"))).status == 200
    with pytest.raises(RegionChangedError, match="AT"):
        await start()
