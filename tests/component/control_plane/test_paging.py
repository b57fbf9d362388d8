"""Every list of the Admin API is read to its end while what it lists is deleted, in both orders."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, Tenant, code_of

ORGANIZATION = "/v1/organization"
Delete = Callable[[str], Awaitable[Any]]


async def _projects(shared: Platform, tenant: Tenant) -> tuple[str, Delete]:
    for name in "abcd":
        await shared.ask("POST", f"{ORGANIZATION}/projects", {"name": name}, key=tenant.admin_key)
    return f"{ORGANIZATION}/projects", lambda id_: shared.ask(
        "POST", f"{ORGANIZATION}/projects/{id_}/archive", key=tenant.admin_key
    )


async def _admin_keys(shared: Platform, tenant: Tenant) -> tuple[str, Delete]:
    for name in "abc":
        await shared.ask("POST", f"{ORGANIZATION}/admin_api_keys", {"name": name}, key=tenant.admin_key)

    async def delete(id_: str) -> None:
        if id_ != tenant.admin_key_id:
            await shared.ask("DELETE", f"{ORGANIZATION}/admin_api_keys/{id_}", key=tenant.admin_key)

    return f"{ORGANIZATION}/admin_api_keys", delete


async def _accounts(shared: Platform, tenant: Tenant) -> tuple[str, Delete]:
    project = await _project(shared, tenant)
    return f"{project}/service_accounts", lambda id_: shared.ask(
        "DELETE", f"{project}/service_accounts/{id_}", key=tenant.admin_key
    )


async def _project_keys(shared: Platform, tenant: Tenant) -> tuple[str, Delete]:
    project = await _project(shared, tenant)

    async def delete(id_: str) -> None:
        _, key = await shared.ask("GET", f"{project}/api_keys/{id_}", key=tenant.admin_key)
        account = key["owner"]["service_account"]["id"]
        await shared.ask("DELETE", f"{project}/service_accounts/{account}", key=tenant.admin_key)

    return f"{project}/api_keys", delete


async def _project(shared: Platform, tenant: Tenant) -> str:
    _, project = await shared.ask("POST", f"{ORGANIZATION}/projects", {"name": "p"}, key=tenant.admin_key)
    path = f"{ORGANIZATION}/projects/{project['id']}"
    for name in "abcd":
        await shared.ask("POST", f"{path}/service_accounts", {"name": name}, key=tenant.admin_key)
    return path


@SHARED_LOOP
@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("make", [_projects, _admin_keys, _accounts, _project_keys])
async def test_a_list_is_read_to_its_end_while_it_is_emptied(
    shared: Platform, make: Callable[[Platform, Tenant], Awaitable[tuple[str, Delete]]], order: str
) -> None:
    tenant = await shared.organization()
    path, delete = await make(shared, tenant)
    _, whole = await shared.ask("GET", f"{path}?order={order}", key=tenant.admin_key)
    expected = [each["id"] for each in whole["data"]]
    assert len(expected) == 4
    seen: list[str] = []
    more, query = True, f"?limit=1&order={order}"
    while more:
        status, page = await shared.ask("GET", path + query, key=tenant.admin_key)
        assert status == 200, page
        (found,) = page["data"]
        seen.append(found["id"])
        await delete(found["id"])
        more, query = page["has_more"], f"?limit=1&order={order}&after={found['id']}"
    assert seen == expected
    _, backwards = await shared.ask("GET", f"{path}?order={'desc' if order == 'asc' else 'asc'}", key=tenant.admin_key)
    assert [each["id"] for each in backwards["data"]] == [each for each in expected if each == tenant.admin_key_id]


@SHARED_LOOP
async def test_a_deleted_admin_key_is_gone_but_for_its_place(shared: Platform) -> None:
    tenant = await shared.organization()
    keys = f"{ORGANIZATION}/admin_api_keys"
    _, made = await shared.ask("POST", keys, {"name": "second"}, key=tenant.admin_key)
    assert (await shared.ask("GET", keys, key=made["value"]))[0] == 200
    assert (await shared.ask("DELETE", f"{keys}/{made['id']}", key=tenant.admin_key))[0] == 200
    assert (await shared.ask("GET", keys, key=made["value"]))[0] == 401
    for method in ("GET", "DELETE"):
        assert (await shared.ask(method, f"{keys}/{made['id']}", key=tenant.admin_key))[0] == 404
    # It is no other key either: the last live one cannot be deleted.
    status, answer = await shared.ask("DELETE", f"{keys}/{tenant.admin_key_id}", key=tenant.admin_key)
    assert (status, code_of(answer)) == (400, "last_admin_api_key")


@SHARED_LOOP
@pytest.mark.parametrize(("spelling", "count"), [("True", 1), ("true", 1), ("False", 0), ("false", 0)])
async def test_booleans_come_in_pythons_spelling_too(shared: Platform, spelling: str, count: int) -> None:
    tenant = await shared.organization()
    _, project = await shared.ask("POST", f"{ORGANIZATION}/projects", {"name": "p"}, key=tenant.admin_key)
    await shared.ask("POST", f"{ORGANIZATION}/projects/{project['id']}/archive", key=tenant.admin_key)
    path = f"{ORGANIZATION}/projects?include_archived={spelling}"
    _, page = await shared.ask("GET", path, key=tenant.admin_key)
    assert len(page["data"]) == count
