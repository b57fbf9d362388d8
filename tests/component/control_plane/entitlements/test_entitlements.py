"""Entitlements: sold and ended by the operator, read by the admin, published to the region (contract C19)."""

import time
from typing import Any

import pytest

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.usage import ServiceTier
from domicile.control_plane.entitlements import service
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of

PROJECTS = "/v1/organization/projects"
SOLD = "/operator/v1/entitlements"
MODEL = "gpt-4o-mini-2024-07-18"
DAY = 86_400


def sale(project_id: str, **members: Any) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "model": MODEL,
        "input_units": 2,
        "output_units": 3,
        "ends_at": int(time.time()) + 30 * DAY,
        **members,
    }


async def test_the_operator_sells_and_the_region_and_the_admin_know(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    now = int(time.time())
    prices = {"input_unit_nanodollars_per_day": 114_750_000_000, "output_unit_nanodollars_per_day": 49_180_000_000}
    sold = await platform.operate("POST", "/entitlements", sale(project, **prices))
    assert (sold["object"], sold["status"], sold["model"]) == ("scale_tier.entitlement", "active", MODEL)
    assert (sold["input_tokens_per_minute"], sold["output_tokens_per_minute"]) == (1_000_000, 150_000)
    assert {name: sold[name] for name in prices} == prices
    assert (now <= sold["starts_at"] <= now + 60, sold["cancelled_at"]) == (True, None)
    (held,) = (await region.current()).projects[project].entitlements
    assert held == Entitlement(sold["id"], (MODEL,), 1_000_000, 150_000, held.from_ms, sold["ends_at"] * 1000)
    status, read = await platform.ask("GET", f"{PROJECTS}/{project}/entitlements/{sold['id']}")
    assert (status, read) == (200, sold)
    status, page = await platform.ask("GET", f"{PROJECTS}/{project}/entitlements")
    assert (status, page["data"]) == (200, [sold])
    (newest, *_) = await platform.audit()
    assert (newest["type"], newest["domicile"]["type"]) == ("project.updated", "entitlement.sold")

    ended = await platform.operate("DELETE", f"/entitlements/{sold['id']}")
    assert (ended["status"], ended["ends_at"] <= int(time.time())) == ("ended", True)
    assert (await region.current()).projects[project].entitlements == ()
    assert await platform.operate("DELETE", f"/entitlements/{sold['id']}") == ended
    assert await platform.operate("GET", f"/entitlements/{sold['id']}") == ended
    (newest, *_) = await platform.audit()
    assert newest["domicile"]["type"] == "entitlement.ended"


async def test_one_that_has_not_begun_is_published_and_never_begins_once_it_is_ended(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    starts = int(time.time()) + DAY
    sold = await platform.operate("POST", "/entitlements", sale(project, starts_at=starts))
    assert (sold["status"], sold["starts_at"]) == ("scheduled", starts)
    (held,) = (await region.current()).projects[project].entitlements
    assert held.from_ms == starts * 1000
    ended = await platform.operate("DELETE", f"/entitlements/{sold['id']}")
    assert (ended["status"], ended["starts_at"], ended["ends_at"] < starts) == ("ended", starts, True)
    assert (await region.current()).projects[project].entitlements == ()


async def test_pages_of_all_and_of_one_project(platform: Platform) -> None:
    await platform.enrolled("us")
    one, other = [(await platform.project())["id"] for _ in range(2)]
    sold = [(await platform.operate("POST", "/entitlements", sale(each)))["id"] for each in (one, other, one)]
    page = await platform.operate("GET", "/entitlements?limit=2")
    assert ([each["id"] for each in page["data"]], page["has_more"]) == (sold[:2], True)
    page = await platform.operate("GET", f"/entitlements?limit=2&after={sold[1]}")
    assert ([each["id"] for each in page["data"]], page["has_more"]) == (sold[2:], False)
    page = await platform.operate("GET", f"/entitlements?project_id={one}")
    assert [each["id"] for each in page["data"]] == [sold[0], sold[2]]
    _, page = await platform.ask("GET", f"{PROJECTS}/{other}/entitlements")
    assert [each["id"] for each in page["data"]] == [sold[1]]


@SHARED_LOOP
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"model": "whisper-1"}, "no_scale_tier", "model"),
        ({"model": "gpt-4o-mini"}, "no_scale_tier", "model"),
        ({"input_units": 0}, "invalid_value", "input_units"),
        ({"output_units": 10_001}, "invalid_value", "output_units"),
        ({"ends_at": 1_000}, "invalid_value", "ends_at"),
        ({"starts_at": 1_000}, "invalid_value", "starts_at"),
        ({"input_unit_nanodollars_per_day": -1}, "invalid_value", "input_unit_nanodollars_per_day"),
        ({"units": 1}, "unknown_parameter", "units"),
    ],
)
async def test_what_cannot_be_sold(shared: Platform, members: dict[str, Any], code: str, param: str) -> None:
    body = sale((await shared.project())["id"], **members)
    status, answer = await shared.ask("POST", SOLD, body, key=shared.operator_key)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


@SHARED_LOOP
async def test_unknown_and_archived_projects_and_too_many(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    status, answer = await shared.ask("POST", SOLD, sale("proj_" + "0" * 24), key=shared.operator_key)
    assert (status, code_of(answer)) == (404, "not_found")
    project = (await shared.project())["id"]
    monkeypatch.setattr(service, "OPEN_MAX", 1)
    await shared.operate("POST", "/entitlements", sale(project))
    status, answer = await shared.ask("POST", SOLD, sale(project), key=shared.operator_key)
    assert (status, code_of(answer)) == (409, "too_many_entitlements")
    await shared.ask("POST", f"{PROJECTS}/{project}/archive")
    status, answer = await shared.ask("POST", SOLD, sale(project), key=shared.operator_key)
    assert (status, code_of(answer)) == (400, "project_archived")


async def test_the_official_client_reads_and_sets_the_default_tier(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    settings = platform.sdk().admin.organization.projects.service_tier_settings
    found = await settings.retrieve(project)
    assert (found.default, found.enabled_tiers, found.object) == ("scale", [], "project.service_tier_settings")
    assert (await region.current()).projects[project].auto_tier is ServiceTier.SCALE
    assert (await settings.update(project, default="standard", enabled_tiers=[])).default == "standard"
    assert (await region.current()).projects[project].auto_tier is ServiceTier.DEFAULT
    (newest, *_) = await platform.audit()
    assert newest["domicile"]["type"] == "service_tier_settings.updated"
    assert (await settings.update(project)).default == "standard"
    assert (await settings.retrieve(project)).default == "standard"


@SHARED_LOOP
@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"default": "fast"}, "default"),
        ({"enabled_tiers": "all"}, "enabled_tiers"),
        ({"enabled_tiers": ["flex"]}, "enabled_tiers"),
    ],
)
async def test_other_tiers_cannot_be_set(shared: Platform, body: dict[str, Any], param: str) -> None:
    path = f"{PROJECTS}/{(await shared.project())['id']}/service_tier_settings"
    status, answer = await shared.ask("POST", path, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, "invalid_value", param)
