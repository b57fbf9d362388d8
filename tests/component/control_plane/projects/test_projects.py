"""Projects through the official client and by hand: every rule of their beginning, their names and their end."""

import asyncio
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, PermissionDeniedError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of

PROJECTS = "/v1/organization/projects"


async def test_the_official_client_creates_reads_renames_lists_and_archives(platform: Platform) -> None:
    await platform.enrolled("us")
    projects = platform.sdk().admin.organization.projects
    made = await projects.create(name="alpha", residency="US_STORAGE_PROCESSING")
    assert (made.object, made.status, made.residency) == ("organization.project", "active", "US_STORAGE_PROCESSING")
    assert made.external_key_id is None
    assert made.archived_at is None
    assert (await projects.retrieve(made.id)).name == "alpha"
    assert (await projects.update(made.id, name="beta")).name == "beta"
    assert [project.id async for project in projects.list()] == [made.id]
    archived = await projects.archive(made.id)
    assert archived.status == "archived"
    assert archived.archived_at
    assert [project.id async for project in projects.list()] == []
    assert [project.name async for project in projects.list(include_archived=True)] == ["beta"]


@SHARED_LOOP
@pytest.mark.contract("C09")
@pytest.mark.parametrize(
    ("asked", "region"),
    [
        ({"residency": "EU_STORAGE_PROCESSING"}, "eu"),
        ({"geography": "EU"}, "eu"),
        ({"geography": "eu"}, "eu"),
        ({"geography": "Us"}, "us"),
        ({"residency": "US_STORAGE_PROCESSING", "geography": None}, "us"),
    ],
)
async def test_a_project_is_born_where_it_says(shared: Platform, asked: dict[str, str], region: str) -> None:
    project = await shared.project(**asked)
    assert (project["region"], project["geography"]) == (region, region.upper())
    assert project["residency"] == f"{region.upper()}_STORAGE_PROCESSING"


@SHARED_LOOP
@pytest.mark.contract("C11")
async def test_a_project_that_names_no_region_is_born_in_the_default_region(shared: Platform) -> None:
    assert (await shared.project())["residency"] == "US_STORAGE_PROCESSING"


@SHARED_LOOP
@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"residency": "GLOBAL"}, "residency"),
        ({"residency": "JP_STORAGE"}, "residency"),
        ({"residency": "eu_storage_processing"}, "residency"),
        ({"residency": ""}, "residency"),
        ({"geography": "MOON"}, "geography"),
        ({"residency": "US_STORAGE_PROCESSING", "geography": "US"}, "geography"),
    ],
)
async def test_a_residency_that_is_not_offered_is_refused_with_the_choices(
    shared: Platform, asked: dict[str, str], param: str
) -> None:
    status, answer = await shared.ask("POST", PROJECTS, {"name": "p", **asked})
    assert (status, code_of(answer), answer["error"]["param"]) == (400, "invalid_residency", param)
    assert "US_STORAGE_PROCESSING, EU_STORAGE_PROCESSING" in answer["error"]["message"]


@SHARED_LOOP
@pytest.mark.contract("C01")
@pytest.mark.parametrize(
    ("agreement", "code", "named"),
    [
        ({}, "enterprise_agreement_required", ["Enterprise agreement", "Zero Data Retention"]),
        ({"zdr_eligible": True}, "enterprise_agreement_required", ["Enterprise agreement"]),
        ({"enterprise_agreement": True}, "zdr_eligibility_required", ["Zero Data Retention"]),
    ],
)
async def test_europe_needs_both_agreements(
    shared: Platform, agreement: dict[str, Any], code: str, named: list[str]
) -> None:
    tenant = await shared.organization(**agreement)
    status, answer = await shared.ask("POST", PROJECTS, {"name": "p", "geography": "EU"}, key=tenant.admin_key)
    assert (status, code_of(answer)) == (403, code)
    for words in ("Enterprise agreement", "Zero Data Retention"):
        assert (words in answer["error"]["message"]) == (words in named)
    # The US asks for neither.
    assert (await shared.ask("POST", PROJECTS, {"name": "p"}, key=tenant.admin_key))[0] == 200


@pytest.mark.contract("C01")
async def test_europe_opens_with_both(platform: Platform) -> None:
    eu = await platform.enrolled("eu")
    tenant = await platform.organization(enterprise_agreement=True, zdr_eligible=True)
    sdk = platform.sdk(tenant.admin_key)
    project = await sdk.admin.organization.projects.create(name="p", residency="EU_STORAGE_PROCESSING")
    assert (await eu.current()).projects[project.id].retention == "zero_data_retention"


@pytest.mark.contract("C13")
async def test_one_organization_has_projects_in_both_regions(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    in_us, in_eu = await platform.project(), await platform.project(geography="EU")
    assert {in_us["region"], in_eu["region"]} == {"us", "eu"}
    held = await us.current()
    assert list(held.projects) == [in_us["id"]]
    assert held.projects[in_us["id"]].retention == "organization_default"
    assert list((await eu.current()).projects) == [in_eu["id"]]


async def test_a_region_that_is_not_enrolled_takes_no_project(platform: Platform) -> None:
    status, answer = await platform.ask("POST", PROJECTS, {"name": "p"})
    assert (status, code_of(answer)) == (503, "service_unavailable")
    assert "enrolled" in answer["error"]["message"]


@SHARED_LOOP
@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({}, "missing_required_parameter", "name"),
        ({"name": ""}, "invalid_value", "name"),
        ({"name": None}, "invalid_type", "name"),
        ({"name": "p" * 257}, "invalid_value", "name"),
        ({"name": "p", "color": "red"}, "unknown_parameter", "color"),
        ({"name": "p", "external_key_id": "k"}, "external_key_not_found", "external_key_id"),
    ],
)
async def test_a_wrong_body_is_refused(shared: Platform, body: object, code: str, param: str) -> None:
    tenant = await shared.organization()
    status, answer = await shared.ask("POST", PROJECTS, body, key=tenant.admin_key)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)
    assert (await shared.ask("GET", PROJECTS, key=tenant.admin_key))[1]["data"] == []


@SHARED_LOOP
@pytest.mark.contract("C10")
@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"geography": "EU"}, True),
        ({"geography": "eu"}, True),
        ({"residency": "EU_STORAGE_PROCESSING"}, True),
        ({"geography": "US"}, False),
        ({"residency": "US_STORAGE_PROCESSING"}, False),
        ({"residency": "EU_STORAGE_PROCESSING", "geography": "US"}, False),
        ({"residency": "GLOBAL"}, False),
    ],
)
async def test_a_project_never_moves(shared: Platform, change: dict[str, str], allowed: bool) -> None:
    project = await shared.project(geography="EU")
    status, answer = await shared.ask("POST", f"{PROJECTS}/{project['id']}", {"name": "renamed", **change})
    assert status == (200 if allowed else 400)
    if not allowed:
        assert code_of(answer) == "residency_immutable"
    _, now = await shared.ask("GET", f"{PROJECTS}/{project['id']}")
    assert (now["region"], now["name"]) == ("eu", "renamed" if allowed else "p")


@SHARED_LOOP
@pytest.mark.contract("C10")
@pytest.mark.parametrize("column", ["region", "organization_id"])
async def test_the_database_itself_keeps_a_project_where_it_is(shared: Platform, column: str) -> None:
    project = await shared.project()
    tenant = await shared.organization()
    value = {"region": "eu", "organization_id": tenant.id}[column]
    with pytest.raises(IntegrityError, match="never changes its region"):
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(
                text(f"UPDATE project SET {column} = :value WHERE id = :id"), {"value": value, "id": project["id"]}
            )
    async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        # Naming the same value again is fine, and so is any other column.
        query = text("UPDATE project SET region = 'us', name = 'by hand' WHERE id = :id")
        await connection.execute(query, {"id": project["id"]})
    _, now = await shared.ask("GET", f"{PROJECTS}/{project['id']}")
    assert (now["region"], now["name"]) == ("us", "by hand")


async def test_an_archived_project_is_kept_but_nothing_is_made_in_it(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    account = await platform.account(project["id"])
    assert list((await us.current()).keys) == [account["api_key"]["id"]]
    path = f"{PROJECTS}/{project['id']}"
    first = await platform.ask("POST", f"{path}/archive")
    again = await platform.ask("POST", f"{path}/archive")
    assert first == again
    assert first[1]["status"] == "archived"
    held = await us.current()
    assert (held.keys, held.projects, held.organizations) == ({}, {}, {})
    for target, body in (
        (path, {"name": "x"}),
        (f"{path}/service_accounts", {"name": "x"}),
        (f"{path}/service_accounts/{account['id']}/api_keys", {}),
        (f"{path}/service_accounts/{account['id']}", {"name": "x"}),
    ):
        status, answer = await platform.ask("POST", target, body)
        assert (status, code_of(answer)) == (400, "project_archived"), target
    _, keys = await platform.ask("GET", f"{path}/api_keys")
    assert [key["owner_project_access"] for key in keys["data"]] == ["inactive"]


@SHARED_LOOP
async def test_pages_follow_each_other_whatever_happens_in_between(shared: Platform) -> None:
    tenant = await shared.organization()
    projects = shared.sdk(tenant.admin_key).admin.organization.projects
    made = [(await projects.create(name=f"p{number}")).id for number in range(5)]
    assert [project.id async for project in projects.list(limit=2)] == made
    status, page = await shared.ask("GET", f"{PROJECTS}?limit=2&after={made[1]}", key=tenant.admin_key)
    assert (status, page["first_id"], page["last_id"], page["has_more"]) == (200, made[2], made[3], True)
    # The cursor may have been archived since.
    await projects.archive(made[1])
    _, page = await shared.ask("GET", f"{PROJECTS}?limit=3&after={made[1]}", key=tenant.admin_key)
    assert ([project["id"] for project in page["data"]], page["has_more"]) == (made[2:], False)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=proj_none", "after"),
        ("include_archived=yes", "include_archived"),
        ("colour=red", "colour"),
    ],
)
async def test_a_wrong_query_is_refused(shared: Platform, query: str, param: str) -> None:
    status, answer = await shared.ask("GET", f"{PROJECTS}?{query}")
    assert (status, answer["error"]["param"]) == (400, param)


@SHARED_LOOP
async def test_another_organizations_project_looks_absent(shared: Platform) -> None:
    project = await shared.project()
    tenant = await shared.organization()
    theirs = shared.sdk(tenant.admin_key).admin.organization.projects
    absent = "proj_" + "0" * 24
    for call in (theirs.retrieve, theirs.archive):
        with pytest.raises(NotFoundError) as foreign:
            await call(project["id"])
        with pytest.raises(NotFoundError) as missing:
            await call(absent)
        assert foreign.value.message.replace(project["id"], absent) == missing.value.message
    with pytest.raises(NotFoundError):
        await theirs.update(project["id"], name="mine")
    assert [each.id async for each in theirs.list(include_archived=True)] == []
    with pytest.raises(BadRequestError):
        await theirs.list(after=project["id"])
    assert (await shared.ask("GET", f"{PROJECTS}/{project['id']}"))[1]["name"] == "p"


async def test_many_changes_at_once_all_hold(platform: Platform) -> None:
    us = await platform.enrolled("us")
    made = await asyncio.gather(*(platform.project(name=f"p{number}") for number in range(12)))
    assert set((await us.current()).projects) == {project["id"] for project in made}


@SHARED_LOOP
async def test_the_client_reads_our_errors(shared: Platform) -> None:
    tenant = await shared.organization()
    with pytest.raises(PermissionDeniedError) as refused:
        await shared.sdk(tenant.admin_key).admin.organization.projects.create(
            name="p", residency="EU_STORAGE_PROCESSING"
        )
    assert refused.value.code == "enterprise_agreement_required"
    assert refused.value.request_id
