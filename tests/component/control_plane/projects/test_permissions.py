"""Models and networks of a project, and scopes of a key, through the official client and in the region's snapshot."""

from typing import Any

import pytest
from openai import BadRequestError

from domicile.boundary.permissions import KeyScope, ModelPermissions, PermissionMode
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of

PROJECTS = "/v1/organization/projects"
MODEL = "gpt-4o-2024-08-06"


async def test_the_official_client_lists_models_and_the_region_knows(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    permissions = platform.sdk().admin.organization.projects.model_permissions
    before = await permissions.retrieve(project)
    assert (before.object, before.mode, before.api_model_ids) == ("project.model_permissions", "deny_list", [])
    assert (await region.current()).projects[project].models is None
    # An alias stands for its snapshot.
    changed = await permissions.update(project, mode="allow_list", model_ids=["gpt-4o", "gpt-4-0613", MODEL])
    assert (changed.mode, changed.api_model_ids) == ("allow_list", ["gpt-4-0613", MODEL])
    assert await permissions.retrieve(project) == changed
    held = (await region.current()).projects[project].models
    assert held == ModelPermissions(PermissionMode.ALLOW_LIST, ("gpt-4-0613", MODEL))
    (newest, *_) = await platform.audit()
    assert newest["type"] == "project.updated"
    assert newest["domicile"]["type"] == "project.model_permissions_updated"
    assert newest["project.updated"]["model_ids"] == ["gpt-4-0613", MODEL]
    deleted = await permissions.delete(project)
    assert (deleted.object, deleted.deleted) == ("project.model_permissions.deleted", True)
    assert (await region.current()).projects[project].models is None
    # Nothing changes a second time.
    count = len(await platform.audit())
    await permissions.delete(project)
    assert len(await platform.audit()) == count


async def test_networks_from_which_keys_may_be_used(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    path = f"{PROJECTS}/{project}/ip_allowlist"
    assert await platform.ask("GET", path) == (200, {"object": "project.ip_allowlist", "allowed_ips": []})
    status, answer = await platform.ask(
        "POST", path, {"allowed_ips": ["2001:db8::/32", "203.0.113.7", "198.51.100.0/24", "203.0.113.7/32"]}
    )
    allowed = ["198.51.100.0/24", "203.0.113.7/32", "2001:db8::/32"]
    assert (status, answer["allowed_ips"]) == (200, allowed)
    assert (await region.current()).projects[project].networks == tuple(allowed)
    assert (await platform.ask("GET", path))[1] == answer
    (newest, *_) = await platform.audit()
    assert (newest["type"], newest["ip_allowlist.updated"]["allowed_ips"]) == ("ip_allowlist.updated", allowed)
    status, answer = await platform.ask("DELETE", path)
    assert (status, answer) == (200, {"object": "project.ip_allowlist.deleted", "deleted": True})
    assert (await region.current()).projects[project].networks == ()
    (newest, *_) = await platform.audit()
    assert newest["type"] == "ip_allowlist.deleted"


@SHARED_LOOP
@pytest.mark.parametrize(
    ("path", "body", "code", "param"),
    [
        ("ip_allowlist", {"allowed_ips": ["everywhere"]}, "invalid_value", "allowed_ips"),
        ("ip_allowlist", {"allowed_ips": ["203.0.113.7/24"]}, "invalid_value", "allowed_ips"),
        ("ip_allowlist", {"allowed_ips": ["fe80::1%eth0"]}, "invalid_value", "allowed_ips"),
        ("ip_allowlist", {"allowed_ips": ["10.0.0.1"] * 201}, "invalid_value", "allowed_ips"),
        ("ip_allowlist", {}, "missing_required_parameter", "allowed_ips"),
        ("model_permissions", {"mode": "allow_list", "model_ids": ["gpt-9"]}, "invalid_value", "model_ids"),
        ("model_permissions", {"mode": "some", "model_ids": []}, "invalid_value", "mode"),
        ("model_permissions", {"mode": "deny_list"}, "missing_required_parameter", "model_ids"),
    ],
)
async def test_what_cannot_be_set(shared: Platform, path: str, body: dict[str, Any], code: str, param: str) -> None:
    project = (await shared.project())["id"]
    status, answer = await shared.ask("POST", f"{PROJECTS}/{project}/{path}", body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


async def test_nothing_can_be_changed_in_an_archived_project(platform: Platform) -> None:
    await platform.enrolled("us")
    project = (await platform.project())["id"]
    await platform.ask("POST", f"{PROJECTS}/{project}/archive")
    permissions = platform.sdk().admin.organization.projects.model_permissions
    with pytest.raises(BadRequestError) as refused:
        await permissions.update(project, mode="deny_list", model_ids=[MODEL])
    assert refused.value.code == "project_archived"
    for method, body in (("POST", {"allowed_ips": ["10.0.0.1"]}), ("DELETE", None)):
        status, answer = await platform.ask(method, f"{PROJECTS}/{project}/ip_allowlist", body)
        assert (status, code_of(answer)) == (400, "project_archived")


async def test_scopes_of_a_key(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    account = await platform.account(project)
    restricted = await platform.key(project, account["id"], scopes=["model.request", "api.files.read", "model.request"])
    assert (restricted["permissions"], restricted["scopes"]) == ("restricted", ["api.files.read", "model.request"])
    reading = await platform.key(project, account["id"], scopes=["api.all.read"])
    assert reading["permissions"] == "read_only"
    held = {key.key_id: key.scopes for key in (await region.current()).keys.values()}
    assert held == {
        account["api_key"]["id"]: None,
        restricted["id"]: (KeyScope.FILES_READ, KeyScope.MODEL_REQUEST),
        reading["id"]: (KeyScope.ALL_READ,),
    }
    _, shown = await platform.ask("GET", f"{PROJECTS}/{project}/api_keys/{restricted['id']}")
    assert (shown["permissions"], shown["scopes"]) == ("restricted", ["api.files.read", "model.request"])
    (_, newest, *_) = await platform.audit()
    assert newest["api_key.created"]["data"] == {"scopes": ["api.files.read", "model.request"]}
