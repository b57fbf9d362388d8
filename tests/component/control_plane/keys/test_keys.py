"""Service accounts, their keys and admin keys: shown once, dead when revoked or expired, invisible to others."""

import time
from typing import Any

import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.kernel import api_keys
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, ShiftedClock, code_of

PROJECTS = "/v1/organization/projects"


@SHARED_LOOP
@pytest.mark.contract("C14")
async def test_the_official_client_makes_accounts_and_keys(shared: Platform) -> None:
    project = await shared.project(geography="EU")
    projects = shared.sdk().admin.organization.projects
    accounts = projects.service_accounts
    made = await accounts.create(project["id"], name="app")
    assert (made.object, made.role) == ("organization.project.service_account", "member")
    assert made.api_key is not None
    assert made.api_key.object == "organization.project.service_account.api_key"
    parsed = api_keys.parse(made.api_key.value, shared.running.identity.installation_id)
    assert parsed is not None
    assert parsed.realm == "eu"
    more = await accounts.api_keys.create(made.id, project_id=project["id"], name="second", expires_in_seconds=60)
    assert more.expires_at is not None
    assert 0 <= more.expires_at - time.time() <= 60
    third = await accounts.api_keys.create(made.id, project_id=project["id"])
    assert (third.name, third.expires_at) == ("Secret Key", None)
    assert (await accounts.retrieve(made.id, project_id=project["id"])).name == "app"
    changed = await accounts.update(made.id, project_id=project["id"], name="renamed", role="owner")
    assert (changed.name, changed.role) == ("renamed", "owner")
    assert [account.id async for account in accounts.list(project["id"])] == [made.id]
    listed = [key async for key in projects.api_keys.list(project["id"])]
    assert [key.id for key in listed] == [made.api_key.id, more.id, third.id]
    assert listed[0].redacted_value == f"sk-eu-...{made.api_key.value[-4:]}"
    assert listed[0].owner.service_account is not None
    assert listed[0].owner.service_account.name == "renamed"
    assert (listed[0].owner.type, listed[0].owner_project_access) == ("service_account", "active")
    assert (await projects.api_keys.retrieve(more.id, project_id=project["id"])).name == "second"
    gone = await projects.api_keys.delete(third.id, project_id=project["id"])
    assert (gone.deleted, gone.object) == (True, "organization.project.api_key.deleted")
    deleted = await accounts.delete(made.id, project_id=project["id"])
    assert (deleted.deleted, deleted.object) == (True, "organization.project.service_account.deleted")
    assert [key.id async for key in projects.api_keys.list(project["id"])] == []
    with pytest.raises(NotFoundError):
        await accounts.retrieve(made.id, project_id=project["id"])


@SHARED_LOOP
async def test_an_account_alone_has_no_role_and_no_key(shared: Platform) -> None:
    project = await shared.project()
    account = await shared.account(project["id"], create_service_account_only=True)
    assert (account["role"], account["api_key"]) == ("none", None)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"scopes": ["api.everything"]}, "invalid_value", "scopes"),
        ({"scopes": ["all", "api.files.read"]}, "invalid_value", "scopes"),
        ({"expires_at": 1}, "invalid_value", "expires_at"),
        ({"expires_at": 2**60}, "invalid_value", "expires_at"),
        ({"expires_at": 4_000_000_000, "expires_in_seconds": 5}, "invalid_value", "expires_at"),
        ({"expires_in_seconds": 0}, "invalid_value", "expires_in_seconds"),
        ({"expires_in_seconds": 31_536_001}, "invalid_value", "expires_in_seconds"),
        ({"ttl": 5}, "unknown_parameter", "ttl"),
    ],
)
async def test_a_wrong_key_is_not_made(shared: Platform, members: dict[str, Any], code: str, param: str) -> None:
    project = await shared.project()
    account = await shared.account(project["id"], create_service_account_only=True)
    path = f"{PROJECTS}/{project['id']}/service_accounts/{account['id']}/api_keys"
    status, answer = await shared.ask("POST", path, members)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)
    assert (await shared.ask("GET", f"{PROJECTS}/{project['id']}/api_keys"))[1]["data"] == []


@SHARED_LOOP
@pytest.mark.parametrize("scopes", [None, [], ["all"]])
async def test_unrestricted_scopes_are_taken(shared: Platform, scopes: list[str] | None) -> None:
    project = await shared.project()
    account = await shared.account(project["id"])
    at = int(time.time()) + 100
    key = await shared.key(project["id"], account["id"], scopes=scopes, expires_at=at)
    assert key["expires_at"] == at


@SHARED_LOOP
async def test_a_key_of_an_account_can_be_revoked_under_it_and_under_no_other(shared: Platform) -> None:
    project = await shared.project()
    mine, other = await shared.account(project["id"]), await shared.account(project["id"])
    accounts = f"{PROJECTS}/{project['id']}/service_accounts"
    key = mine["api_key"]["id"]
    status, _ = await shared.ask("DELETE", f"{accounts}/{other['id']}/api_keys/{key}")
    assert status == 404
    status, answer = await shared.ask("DELETE", f"{accounts}/{mine['id']}/api_keys/{key}")
    assert (status, answer["deleted"]) == (200, True)
    status, answer = await shared.ask("DELETE", f"{accounts}/{mine['id']}/api_keys/{key}")
    assert (status, code_of(answer)) == (404, "not_found")


@SHARED_LOOP
async def test_another_organizations_keys_and_accounts_look_absent(shared: Platform) -> None:
    project = await shared.project()
    account = await shared.account(project["id"])
    tenant = await shared.organization()
    theirs = (await shared.ask("POST", PROJECTS, {"name": "p"}, key=tenant.admin_key))[1]["id"]
    for owner in (project["id"], theirs):
        base = f"{PROJECTS}/{owner}"
        for method, path, body in [
            ("GET", f"{base}/service_accounts/{account['id']}", None),
            ("POST", f"{base}/service_accounts/{account['id']}", {"name": "x"}),
            ("DELETE", f"{base}/service_accounts/{account['id']}", None),
            ("POST", f"{base}/service_accounts/{account['id']}/api_keys", {}),
            ("GET", f"{base}/api_keys/{account['api_key']['id']}", None),
            ("DELETE", f"{base}/api_keys/{account['api_key']['id']}", None),
        ]:
            status, answer = await shared.ask(method, path, body, key=tenant.admin_key)
            assert (status, code_of(answer)) == (404, "not_found"), (method, path)
    assert (await shared.ask("GET", f"{PROJECTS}/{project['id']}/api_keys", key=tenant.admin_key))[0] == 404
    assert (await shared.ask("GET", f"{PROJECTS}/{project['id']}/service_accounts", key=tenant.admin_key))[0] == 404
    assert (await shared.ask("GET", f"{PROJECTS}/{project['id']}/api_keys/{account['api_key']['id']}"))[0] == 200


async def test_the_snapshot_follows_keys_through_their_lives(platform: Platform, clock: ShiftedClock) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    first, second = await platform.account(project["id"]), await platform.account(project["id"])
    brief = await platform.key(project["id"], first["id"], expires_in_seconds=60)
    held = await us.current()
    assert set(held.keys) == {first["api_key"]["id"], second["api_key"]["id"], brief["id"]}
    assert (held.keys[brief["id"]].expires_at_ms or 0) // 1000 == brief["expires_at"]
    accounts = f"{PROJECTS}/{project['id']}/service_accounts"
    assert (await platform.ask("DELETE", f"{accounts}/{second['id']}"))[0] == 200
    assert set((await us.current()).keys) == {first["api_key"]["id"], brief["id"]}
    clock.ahead_ms = 61_000
    await platform.running.publisher.publish({"us": ()})
    assert set((await us.current()).keys) == {first["api_key"]["id"]}


@SHARED_LOOP
async def test_no_table_holds_a_secret(shared: Platform) -> None:
    project = await shared.project()
    account = await shared.account(project["id"])
    async with shared.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        names = await connection.run_sync(lambda each: inspect(each).get_table_names())
        stored = repr([(await connection.execute(text(f'SELECT * FROM "{name}"'))).all() for name in names])
    assert account["id"] in stored
    for secret in (account["api_key"]["value"], shared.admin_key, shared.operator_key):
        assert secret not in stored
        assert secret[10:30] not in stored


@SHARED_LOOP
async def test_admin_keys_through_the_official_client(shared: Platform) -> None:
    tenant = await shared.organization()
    keys = shared.sdk(tenant.admin_key).admin.organization.admin_api_keys
    made = await keys.create(name="second", expires_in_seconds=3600)
    assert (made.object, made.name) == ("organization.admin_api_key", "second")
    assert made.value.startswith("sk-admin-1")
    assert made.expires_at is not None
    assert made.redacted_value == f"sk-admin-...{made.value[-4:]}"
    assert [key.id async for key in keys.list()] == [tenant.admin_key_id, made.id]
    assert [key.id async for key in keys.list(order="desc", limit=1)] == [made.id, tenant.admin_key_id]
    found = await keys.retrieve(made.id)
    assert found.expires_at == made.expires_at
    assert not hasattr(found, "value")
    theirs = shared.sdk(made.value).admin.organization.admin_api_keys
    deleted = await theirs.delete(tenant.admin_key_id)
    assert (deleted.deleted, deleted.object) == (True, "organization.admin_api_key.deleted")
    with pytest.raises(AuthenticationError) as refused:
        await keys.list()
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(BadRequestError) as last:
        await theirs.delete(made.id)
    assert last.value.code == "last_admin_api_key"
    with pytest.raises(NotFoundError):
        await shared.sdk().admin.organization.admin_api_keys.retrieve(made.id)
    with pytest.raises(NotFoundError):
        await shared.sdk().admin.organization.admin_api_keys.delete(made.id)


async def test_an_expired_admin_key_opens_nothing_and_is_nobodys_last(platform: Platform, clock: ShiftedClock) -> None:
    keys = platform.sdk().admin.organization.admin_api_keys
    brief = await keys.create(name="brief", expires_in_seconds=60)
    (first, _) = [key async for key in keys.list()]
    brief_client = platform.sdk(brief.value).admin.organization.admin_api_keys
    await brief_client.retrieve(brief.id)
    clock.ahead_ms = 61_000
    with pytest.raises(AuthenticationError):
        await brief_client.retrieve(brief.id)
    with pytest.raises(BadRequestError):
        await keys.delete(first.id)
    await keys.delete(brief.id)


@SHARED_LOOP
async def test_the_database_ties_a_key_to_one_project_of_one_organization(shared: Platform) -> None:
    project, other = await shared.project(), await shared.project()
    account = await shared.account(project["id"])
    with pytest.raises(IntegrityError):
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(
                text("UPDATE api_key SET project_id = :other WHERE id = :id"),
                {"other": other["id"], "id": account["api_key"]["id"]},
            )
    with pytest.raises(IntegrityError):
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(text("UPDATE service_account SET role = 'king'"))
