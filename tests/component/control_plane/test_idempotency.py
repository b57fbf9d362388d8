"""`Idempotency-Key`: what is sent twice is made once, by whom and under whatever circumstances."""

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, ConflictError
from sqlalchemy import text

from domicile.boundary.enrollment import decode_token
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.kernel import api_keys
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import (
    BUCKET,
    KMS_ARN,
    SHARED_LOOP,
    Platform,
    ShiftedClock,
    Start,
    code_of,
    settings,
)
from tests.platform.postgresql import PostgresServer

PROJECTS = "/v1/organization/projects"
OF_THE_ORGANIZATION = {
    "project": PROJECTS,
    "admin key": "/v1/organization/admin_api_keys",
    "external key": "/v1/organization/external_keys",
}
MADE = (
    "project",
    "service_account",
    "api_key",
    "admin_key",
    "organization",
    "agreement",
    "enrollment_token",
    "idempotency",
    "external_key",
    "external_storage",
    "spend_alert",
    "entitlement",
)


@dataclass
class Creation:
    """One call that makes something, and the same with something else asked for."""

    path: str
    body: dict[str, Any] | None
    other: dict[str, Any] | None
    key: str
    attempt: str = field(default_factory=lambda: new_id("try_"))
    """An idempotency key of this test's own: the operator is one caller for all tests."""

    async def send(self, platform: Platform, key: str, body: Any = None) -> tuple[int, Any]:
        sent = self.body if body is None else body
        return await platform.ask("POST", self.path, sent, key=self.key, headers={"Idempotency-Key": key})


async def creation(platform: Platform, noun: str) -> Creation:  # noqa: PLR0911
    """A new organization's, so that no test meets another's objects."""
    name, other = {"name": "a"}, {"name": "b"}
    if noun == "organization":
        return Creation("/operator/v1/organizations", name, other, platform.operator_key)
    if noun == "enrollment token":
        return Creation("/operator/v1/regions/us/enrollment_tokens", None, None, platform.operator_key)
    tenant = await platform.organization()
    if noun in OF_THE_ORGANIZATION:
        required = {"type": "aws", "kms_arn": KMS_ARN} if noun == "external key" else {}
        return Creation(OF_THE_ORGANIZATION[noun], name | required, other | required, tenant.admin_key)
    if noun == "spend alert":
        alert = {"currency": "USD", "interval": "month", "notification_channel": {"type": "email", "recipients": []}}
        one, other_one = ({"threshold_amount": cents, **alert} for cents in (1, 2))
        return Creation("/v1/organization/spend_alerts", one, other_one, tenant.admin_key)
    _, project = await platform.ask("POST", PROJECTS, {"name": "p"}, key=tenant.admin_key)
    if noun in {"external storage", "entitlement"}:
        return _of_project(noun, project["id"], platform.operator_key, tenant.admin_key)
    path = f"{PROJECTS}/{project['id']}/service_accounts"
    if noun == "key":
        _, account = await platform.ask("POST", path, {"name": "p"}, key=tenant.admin_key)
        return Creation(f"{path}/{account['id']}/api_keys", name, other, tenant.admin_key)
    alone = {"create_service_account_only": noun == "account alone"}
    return Creation(path, name | alone, other | alone, tenant.admin_key)


def _of_project(noun: str, project_id: str, operator_key: str, admin_key: str) -> Creation:
    if noun == "external storage":
        body = {"project_id": project_id, "provider": BUCKET}
        other_body = {"project_id": project_id, "provider": BUCKET | {"bucket": "another-bucket"}}
        return Creation("/v1/organization/external_storage", body, other_body, admin_key)
    sale = {"project_id": project_id, "model": "gpt-4-0613", "input_units": 1, "ends_at": 4_000_000_000}
    return Creation("/operator/v1/entitlements", sale | {"output_units": 1}, sale | {"output_units": 2}, operator_key)


def secret_of(answer: dict[str, Any]) -> str | None:
    """The secret that an answer shows, wherever it stands."""
    holder = answer.get("api_key") or answer.get("admin_api_key") or answer
    return holder.get("value") or answer.get("token")


def without_secret(answer: dict[str, Any]) -> dict[str, Any]:
    shown = {name: dict(each) if isinstance(each, dict) else each for name, each in answer.items()}
    for holder in (shown, shown.get("api_key"), shown.get("admin_api_key")):
        for name in ("value", "token", "redacted_value"):
            if isinstance(holder, dict):
                holder.pop(name, None)
    return shown


async def counts(platform: Platform) -> dict[str, int]:
    async with platform.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        return {name: (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one() for name in MADE}


ONE_EACH = ("external storage",)
"""Of these a second one is refused, so they cannot be made again under another key."""
NOUNS = (
    *("project", "account", "account alone", "key", "admin key", "organization", "enrollment token", "external key"),
    "spend alert",
    "entitlement",
    *ONE_EACH,
)
WITH_SECRET = ("account", "key", "admin key", "organization", "enrollment token")


@SHARED_LOOP
@pytest.mark.parametrize("noun", NOUNS)
async def test_the_same_call_again_is_the_same_object(shared: Platform, noun: str) -> None:
    call = await creation(shared, noun)
    status, first = await call.send(shared, call.attempt)
    assert status == 200, first
    before = await counts(shared)
    for _ in range(2):
        status, again = await call.send(shared, call.attempt)
        assert status == 200, again
        assert without_secret(again) == without_secret(first)
    assert await counts(shared) == before
    if noun in ONE_EACH:
        return
    # Under another key, or under none, it is another object.
    _, other = await call.send(shared, call.attempt + "2")
    _, unkeyed = await shared.ask("POST", call.path, call.body, key=call.key)
    assert len({str(each.get("id", each.get("token"))) for each in (first, other, unkeyed)}) == 3


@SHARED_LOOP
@pytest.mark.parametrize("noun", WITH_SECRET)
async def test_a_repetition_shows_a_fresh_secret_and_only_its_hash_is_kept(shared: Platform, noun: str) -> None:
    call = await creation(shared, noun)
    secrets: list[str] = []
    for _ in range(3):
        status, answer = await call.send(shared, call.attempt)
        assert status == 200
        secrets.append(str(secret_of(answer)))
    assert len(set(secrets)) == 3
    stored: set[bytes] = set()
    async with shared.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        for table in ("api_key", "admin_key", "enrollment_token"):
            stored |= set((await connection.execute(text(f"SELECT sha256 FROM {table}"))).scalars())

    digests = [
        hashlib.sha256(decode_token(secret).secret if noun == "enrollment token" else secret.encode()).digest()
        for secret in secrets
    ]
    assert [digest in stored for digest in digests] == [False, False, True]


async def test_the_region_learns_the_fresh_secret_and_forgets_the_first(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    path = f"{PROJECTS}/{project['id']}/service_accounts"
    answers = []
    for _ in range(2):
        _, answer = await platform.ask("POST", path, {"name": "a"}, headers={"Idempotency-Key": "k"})
        answers.append(answer["api_key"])
        (record,) = (await us.current()).keys.values()
        assert (record.key_id, record.sha256) == (answer["api_key"]["id"], api_keys.sha256(answer["api_key"]["value"]))
    assert answers[0]["id"] == answers[1]["id"]
    status, shown = await platform.ask("GET", f"{PROJECTS}/{project['id']}/api_keys/{answers[0]['id']}")
    assert (status, shown["redacted_value"][-4:]) == (200, answers[1]["value"][-4:])
    newest = (await platform.audit())[0]
    assert (newest["type"], newest["api_key.updated"]["id"]) == ("api_key.updated", answers[0]["id"])
    assert answers[1]["value"] not in str(newest)


async def test_the_first_admin_secret_dies(platform: Platform) -> None:
    headers = {"Idempotency-Key": "k"}
    _, first = await platform.ask("POST", "/v1/organization/admin_api_keys", {"name": "a"}, headers=headers)
    assert (await platform.ask("GET", PROJECTS, key=first["value"]))[0] == 200
    _, again = await platform.ask("POST", "/v1/organization/admin_api_keys", {"name": "a"}, headers=headers)
    assert (await platform.ask("GET", PROJECTS, key=first["value"]))[0] == 401
    assert (await platform.ask("GET", PROJECTS, key=again["value"]))[0] == 200


async def test_the_first_enrollment_token_dies_and_a_used_one_is_not_shown_again(platform: Platform) -> None:
    call = await creation(platform, "enrollment token")
    (_, first), (_, second) = await call.send(platform, call.attempt), await call.send(platform, call.attempt)
    region = await platform.region("us")
    refused = await region.enroll(first["token"])
    assert (refused.status, refused.code) == (403, "invalid_enrollment_token")
    assert (await region.enroll(second["token"])).status == 200
    status, answer = await call.send(platform, call.attempt)
    assert (status, code_of(answer)) == (404, "not_found")


@SHARED_LOOP
@pytest.mark.parametrize("noun", [noun for noun in NOUNS if noun != "enrollment token"])
async def test_the_same_key_for_something_else_is_a_final_conflict(shared: Platform, noun: str) -> None:
    call = await creation(shared, noun)
    assert (await call.send(shared, call.attempt))[0] == 200
    before = await counts(shared)
    status, answer = await call.send(shared, call.attempt, call.other)
    assert (status, code_of(answer)) == (409, "idempotency_key_reused")
    assert await counts(shared) == before


@SHARED_LOOP
async def test_the_official_client_does_not_retry_that_conflict(shared: Platform) -> None:
    tenant = await shared.organization()
    client = AsyncOpenAI(
        admin_api_key=tenant.admin_key, api_key="unused", base_url=f"{shared.running.admin_url}/v1", max_retries=2
    )
    projects, headers = client.admin.organization.projects, {"Idempotency-Key": "k"}
    made = await projects.create(name="a", extra_headers=headers)
    assert (await projects.create(name="a", extra_headers=headers)).id == made.id
    with pytest.raises(ConflictError) as raised:
        await projects.create(name="b", extra_headers=headers)
    assert raised.value.code == "idempotency_key_reused"
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert raised.value.response.request.headers["x-stainless-retry-count"] == "0"


@SHARED_LOOP
async def test_what_a_body_says_counts_and_not_how(shared: Platform) -> None:
    tenant = await shared.organization()
    headers = {"Idempotency-Key": "k"}
    sent = ({"name": "a"}, {"name": "a", "residency": None}, {"geography": None, "name": "a"})
    answers = [await shared.ask("POST", PROJECTS, body, key=tenant.admin_key, headers=headers) for body in sent]
    assert len({answer["id"] for _, answer in answers}) == 1


@SHARED_LOOP
async def test_keys_of_callers_and_of_paths_do_not_meet(shared: Platform) -> None:
    headers = {"Idempotency-Key": "k"}
    tenants = [await shared.organization() for _ in range(2)]
    projects = [
        (await shared.ask("POST", PROJECTS, {"name": "a"}, key=tenant.admin_key, headers=headers))[1]["id"]
        for tenant in tenants
    ]
    assert projects[0] != projects[1]
    # Two admin keys of one organization are one caller: a retry may come from another process.
    body = {"name": "second"}
    _, second = await shared.ask("POST", "/v1/organization/admin_api_keys", body, key=tenants[0].admin_key)
    _, same = await shared.ask("POST", PROJECTS, {"name": "a"}, key=second["value"], headers=headers)
    assert same["id"] == projects[0]
    _, beside = await shared.ask("POST", PROJECTS, {"name": "b"}, key=tenants[0].admin_key)
    accounts = [
        await shared.ask(
            "POST", f"{PROJECTS}/{each}/service_accounts", {"name": "a"}, key=second["value"], headers=headers
        )
        for each in (projects[0], beside["id"])
    ]
    assert [status for status, _ in accounts] == [200, 200]
    assert accounts[0][1]["id"] != accounts[1][1]["id"]


@SHARED_LOOP
@pytest.mark.parametrize("noun", NOUNS)
async def test_calls_at_the_same_time_make_one(shared: Platform, noun: str) -> None:
    call = await creation(shared, noun)
    before = await counts(shared)
    answers = await asyncio.gather(*(call.send(shared, call.attempt) for _ in range(8)))
    assert {status for status, _ in answers} == {200}
    assert len({str(without_secret(answer)) for _, answer in answers}) == 1
    after = await counts(shared)
    assert {after[name] - before[name] for name in MADE} <= {0, 1}
    assert after["idempotency"] - before["idempotency"] == 1


async def test_after_a_day_a_key_is_free_again(platform: Platform, clock: ShiftedClock) -> None:
    await platform.enrolled("us")
    call = await creation(platform, "project")
    _, first = await call.send(platform, call.attempt)
    clock.ahead_ms += 24 * 3_600_000 - 60_000
    assert (await call.send(platform, call.attempt))[1]["id"] == first["id"]
    assert code_of((await call.send(platform, call.attempt, call.other))[1]) == "idempotency_key_reused"
    clock.ahead_ms += 61_000
    _, later = await call.send(platform, call.attempt, call.other)
    assert later["id"] != first["id"]
    assert (await counts(platform))["idempotency"] == 1


@SHARED_LOOP
async def test_what_was_made_and_is_gone_is_not_made_again(shared: Platform) -> None:
    call = await creation(shared, "key")
    _, made = await call.send(shared, call.attempt)
    assert (await shared.ask("DELETE", f"{call.path}/{made['id']}", key=call.key))[0] == 200
    status, answer = await call.send(shared, call.attempt)
    assert (status, code_of(answer)) == (404, "not_found")
    project = call.path.split("/service_accounts")[0]
    call = Creation(f"{project}/service_accounts", {"name": "a"}, None, call.key)
    assert (await call.send(shared, call.attempt))[0] == 200
    assert (await shared.ask("POST", f"{project}/archive", key=call.key))[0] == 200
    status, answer = await call.send(shared, call.attempt)
    assert (status, code_of(answer)) == (400, "project_archived")


@SHARED_LOOP
async def test_a_call_that_was_refused_leaves_its_key_free(shared: Platform) -> None:
    tenant = await shared.organization()
    headers = {"Idempotency-Key": "k"}
    status, _ = await shared.ask(
        "POST", PROJECTS, {"name": "a", "geography": "EU"}, key=tenant.admin_key, headers=headers
    )
    assert status == 403
    assert (await shared.ask("POST", PROJECTS, {"name": "a"}, key=tenant.admin_key, headers=headers))[0] == 200


@SHARED_LOOP
@pytest.mark.parametrize("value", ["", " ", "a b", "x" * 256, "k\u00e9y", "tab\there"])
@pytest.mark.parametrize("noun", ["project", "organization", "enrollment token"])
async def test_a_value_that_is_no_key_is_refused(shared: Platform, noun: str, value: str) -> None:
    call = await creation(shared, noun)
    before = await counts(shared)
    status, answer = await call.send(shared, value)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, "invalid_value", "Idempotency-Key")
    assert await counts(shared) == before
    assert (await call.send(shared, "!~" + new_id("") * 10))[0] == 200


async def test_no_body_and_no_key_is_stored(platform: Platform) -> None:
    await platform.enrolled("us")
    call = Creation(PROJECTS, {"name": "a name to look for"}, None, platform.admin_key)
    assert (await call.send(platform, "a-key-to-look-for"))[0] == 200
    async with platform.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        rows = (await connection.execute(text("SELECT * FROM idempotency"))).all()
    assert len(rows) == 1
    assert "to look for" not in str(rows)
    assert "to-look-for" not in str(rows)


async def test_the_same_on_postgresql(start: Start, tmp_path: Path, postgresql: PostgresServer) -> None:
    platform = await start(settings(tmp_path, database={"url": postgresql.database(), "country": "US"}))
    await platform.enrolled("us")
    for noun in NOUNS:
        call = await creation(platform, noun)
        answers = await asyncio.gather(*(call.send(platform, call.attempt) for _ in range(4)))
        assert {status for status, _ in answers} == {200}
        assert len({str(without_secret(answer)) for _, answer in answers}) == 1
        if call.other is not None:
            status, answer = await call.send(platform, call.attempt, call.other)
            assert (status, code_of(answer)) == (409, "idempotency_key_reused")
