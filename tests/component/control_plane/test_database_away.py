"""A control plane whose database is away: every call is 503 and says to come again, nothing is half done, and it recovers."""

from typing import Any

import aiohttp
import msgspec

from domicile.boundary import protocol
from domicile.kernel.ids import new_id
from tests.architecture.authorization import Entry, read_table
from tests.component.control_plane.conftest import TakeAway
from tests.component.control_plane.platform_under_test import Platform
from tests.component.control_plane.region_double import RegionDouble

ENTRIES = [entry for entry in read_table().entries if entry.listener in {"control", "boundary"}]
IDS = {
    "project_id": new_id("proj_"),
    "account_id": new_id("svc_acct_"),
    "key_id": new_id("key_"),
    "external_key_id": new_id("extkey_"),
    "external_storage_id": new_id("extstore_"),
    "entitlement_id": new_id("ent_"),
    "rate_limit_id": "rl_gpt-4o-2024-08-06",
    "alert_id": new_id("alert_"),
    "organization_id": new_id("org-"),
    "code": "us",
    "sha256": "0" * 64,
}


async def ask(platform: Platform, entry: Entry, region: RegionDouble) -> tuple[int, str | None, str | None]:
    """Status, code and Retry-After of a call by somebody who may make it."""
    path, body = entry.path.format(**IDS), (entry.body or "").encode()
    url = platform.running.admin_url
    if entry.listener == "boundary":
        url = platform.running.boundary_url
        headers = region.signature(entry.method, path, body)
    else:
        key = platform.admin_key if path.startswith("/v1/") else platform.operator_key
        headers = {"authorization": f"Bearer {key}"}
    headers["content-type"] = "application/json"
    async with (
        aiohttp.ClientSession() as session,
        session.request(entry.method, url + path, data=body, headers=headers) as response,
    ):
        answer: Any = msgspec.json.decode(await response.read())
        return response.status, answer.get("error", {}).get("code"), response.headers.get("retry-after")


async def test_every_call_is_told_to_come_again(platform: Platform, take_away: TakeAway) -> None:
    region = await platform.enrolled("us")
    fresh, token = await platform.region("eu"), await platform.token("eu")
    async with take_away(platform):
        answers = {
            entry.where: await ask(platform, entry, region)
            for entry in ENTRIES
            if entry.path not in {protocol.ENROLL, protocol.TIME}
        }
        clock = next(entry for entry in ENTRIES if entry.path == protocol.TIME)
        assert (await ask(platform, clock, region))[0] == 200, "the time needs no database"
        assert (await fresh.enroll(token)).code == "service_unavailable"
    assert {where: answer for where, answer in answers.items() if answer[:2] != (503, "service_unavailable")} == {}
    assert {answer[2] for answer in answers.values()} <= {"1", "2"}, "each says when to come again"
    assert (await fresh.enroll(token)).status == 200


async def test_a_change_that_was_refused_is_not_there_and_works_when_it_is_sent_again(
    platform: Platform, take_away: TakeAway
) -> None:
    region = await platform.enrolled("us")
    projects, again = "/v1/organization/projects", {"Idempotency-Key": "one-project"}
    async with take_away(platform):
        status, answer = await platform.ask("POST", projects, {"name": "p"}, headers=again)
        assert (status, answer["error"]["type"]) == (503, "service_unavailable_error")
    events = [event["type"] for event in await platform.audit()]
    assert "project.created" not in events
    made = [(await platform.ask("POST", projects, {"name": "p"}, headers=again)) for _ in range(2)]
    assert [status for status, _ in made] == [200, 200]
    assert made[0][1]["id"] == made[1][1]["id"]
    assert list((await region.current()).projects) == [made[0][1]["id"]]


async def test_a_region_in_contact_keeps_what_it_holds(platform: Platform, take_away: TakeAway) -> None:
    """Its poll is 503 like all else, which a region takes for "later"; afterwards it goes on where it was."""
    region = await platform.enrolled("us")
    held = await region.current()
    async with take_away(platform):
        answer = await region.call("POST", protocol.SNAPSHOT, msgspec.json.encode(held.query))
        assert (answer.status, answer.code) == (503, "service_unavailable")
    await platform.project()
    newer = await region.poll(held.query)
    assert newer is not None
    assert len(newer.projects) == 1
