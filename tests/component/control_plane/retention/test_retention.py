"""Who may set which retention, through the official client and by hand, and that no default ever weakens a region."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from domicile.boundary.retention import ProjectRetention, Retention, effective_retention
from tests.component.control_plane.platform_under_test import (
    SHARED_LOOP,
    Platform,
    Start,
    Tenant,
    code_of,
    settings,
)

ORGANIZATION = "/v1/organization/data_retention"
GRANTED: dict[str, Any] = {"enterprise_agreement": True, "zdr_eligible": True, "enhanced_zdr": True}
ZERO = {"zero_data_retention", "enhanced_zero_data_retention"}
ENHANCED = {"enhanced_zero_data_retention", "enhanced_modified_abuse_monitoring"}


def of(project: dict[str, Any]) -> str:
    return f"/v1/organization/projects/{project['id']}/data_retention"


async def new_project(platform: Platform, tenant: Tenant, geography: str) -> dict[str, Any]:
    body = {"name": "p", "geography": geography}
    status, answer = await platform.ask("POST", "/v1/organization/projects", body, key=tenant.admin_key)
    assert status == 200, answer
    return dict(answer)


async def put(platform: Platform, tenant: Tenant, path: str, value: str) -> tuple[int, str | None]:
    """Status and code, and when it was refused a proof that nothing has changed."""
    before = await platform.ask("GET", path, key=tenant.admin_key)
    status, answer = await platform.ask("POST", path, {"retention_type": value}, key=tenant.admin_key)
    after = await platform.ask("GET", path, key=tenant.admin_key)
    if status == 200:
        assert answer == after[1]
        assert answer["type"] == value
        return status, None
    assert after == before
    assert answer["error"]["param"] == "retention_type"
    return status, code_of(answer)


@SHARED_LOOP
async def test_the_official_client_reads_and_sets_both(shared: Platform) -> None:
    tenant = await shared.organization(**GRANTED)
    project = await new_project(shared, tenant, "US")
    api = shared.sdk(tenant.admin_key).admin.organization
    found = await api.data_retention.retrieve()
    assert (found.object, found.type) == ("organization.data_retention", "modified_abuse_monitoring")
    assert (await api.data_retention.update(retention_type="zero_data_retention")).type == "zero_data_retention"
    assert (await api.data_retention.retrieve()).type == "zero_data_retention"
    own = await api.projects.data_retention.retrieve(project["id"])
    assert (own.object, own.type) == ("project.data_retention", "organization_default")
    assert (await api.projects.data_retention.update(project["id"], retention_type="none")).type == "none"
    assert (await api.projects.data_retention.retrieve(project["id"])).type == "none"


@SHARED_LOOP
@pytest.mark.contract("C01")
@pytest.mark.contract("C03")
@pytest.mark.parametrize("eligible", [False, True])
@pytest.mark.parametrize("enhanced", [False, True])
async def test_an_admin_may_set_what_the_operator_has_granted(shared: Platform, eligible: bool, enhanced: bool) -> None:
    tenant = await shared.organization(zdr_eligible=eligible, enhanced_zdr=enhanced)
    project = await new_project(shared, tenant, "US")
    for path, values in ((ORGANIZATION, list(Retention)), (of(project), list(ProjectRetention))):
        for value in values:
            expected: tuple[int, str | None]
            if value in ENHANCED and not enhanced:
                expected = (403, "enhanced_zdr_approval_required")
            elif value in ZERO and not eligible:
                expected = (403, "zdr_eligibility_required")
            else:
                expected = (200, None)
            assert await put(shared, tenant, path, value) == expected, value


@SHARED_LOOP
@pytest.mark.contract("C02")
@pytest.mark.parametrize("value", ProjectRetention)
async def test_a_european_project_is_never_set_to_less_than_zero_data_retention(
    shared: Platform, value: ProjectRetention
) -> None:
    tenant = await shared.organization(**GRANTED)
    project = await new_project(shared, tenant, "EU")
    assert (await shared.ask("GET", of(project), key=tenant.admin_key))[1]["type"] == "zero_data_retention"
    expected = (200, None) if value in ZERO else (403, "retention_required_by_region")
    assert await put(shared, tenant, of(project), value) == expected


@SHARED_LOOP
@pytest.mark.contract("C02")
async def test_no_way_through_the_default_weakens_a_european_project(shared: Platform) -> None:
    """Every pair of settings, in both orders: whatever is accepted, what holds in Europe is zero."""
    tenant = await shared.organization(**GRANTED)
    project = await new_project(shared, tenant, "EU")
    accepted = 0
    for organization, own in itertools.product(Retention, ProjectRetention):
        for path, value in ((ORGANIZATION, organization), (of(project), own), (ORGANIZATION, organization)):
            accepted += (await put(shared, tenant, path, value))[0] == 200
            now = await shared.ask("GET", ORGANIZATION, key=tenant.admin_key)
            mine = await shared.ask("GET", of(project), key=tenant.admin_key)
            assert effective_retention(ProjectRetention(mine[1]["type"]), Retention(now[1]["type"])).is_zero
    assert accepted > 20


@SHARED_LOOP
@pytest.mark.contract("C02")
async def test_an_organization_is_told_which_project_keeps_it_from_a_weaker_default(shared: Platform) -> None:
    tenant = await shared.organization(**GRANTED)
    project = await new_project(shared, tenant, "EU")
    assert (await put(shared, tenant, ORGANIZATION, "zero_data_retention"))[0] == 200
    assert (await put(shared, tenant, of(project), "organization_default"))[0] == 200
    body = {"retention_type": "modified_abuse_monitoring"}
    status, answer = await shared.ask("POST", ORGANIZATION, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (403, "retention_required_by_region")
    assert project["id"] in answer["error"]["message"]
    # With a retention of its own it is no longer in the way; nor is it once it is archived.
    assert (await put(shared, tenant, of(project), "zero_data_retention"))[0] == 200
    assert (await put(shared, tenant, ORGANIZATION, "modified_abuse_monitoring"))[0] == 200
    assert (await put(shared, tenant, ORGANIZATION, "zero_data_retention"))[0] == 200
    assert (await put(shared, tenant, of(project), "organization_default"))[0] == 200
    archive = f"/v1/organization/projects/{project['id']}/archive"
    assert (await shared.ask("POST", archive, key=tenant.admin_key))[0] == 200
    assert (await put(shared, tenant, ORGANIZATION, "modified_abuse_monitoring"))[0] == 200


@SHARED_LOOP
async def test_what_is_withdrawn_changes_no_value(shared: Platform) -> None:
    tenant = await shared.organization(**GRANTED)
    project = await new_project(shared, tenant, "EU")
    assert (await put(shared, tenant, of(project), "enhanced_zero_data_retention"))[0] == 200
    assert (await put(shared, tenant, ORGANIZATION, "zero_data_retention"))[0] == 200
    withdrawn = {"enterprise_agreement": False, "zdr_eligible": False, "enhanced_zdr": False}
    await shared.operate("POST", f"/organizations/{tenant.id}", withdrawn)
    assert (await shared.ask("GET", of(project), key=tenant.admin_key))[1]["type"] == "enhanced_zero_data_retention"
    assert (await shared.ask("GET", ORGANIZATION, key=tenant.admin_key))[1]["type"] == "zero_data_retention"
    # Nor may it be set again, even to the same.
    assert await put(shared, tenant, of(project), "enhanced_zero_data_retention") == (
        403,
        "enhanced_zdr_approval_required",
    )
    assert await put(shared, tenant, ORGANIZATION, "zero_data_retention") == (403, "zdr_eligibility_required")
    assert await put(shared, tenant, of(project), "none") == (403, "retention_required_by_region")


async def test_the_regions_are_told_and_the_audit_log_has_it(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    await platform.operate("POST", "/organization", {"enhanced_zdr": True})
    in_us, in_eu = await platform.project(), await platform.project(geography="EU")
    first = platform.running.identity.first_organization_id
    elsewhere = (await eu.current()).manifest.number
    for path, value in ((ORGANIZATION, "zero_data_retention"), (of(in_us), "none")):
        for _ in range(2):
            assert (await platform.ask("POST", path, {"retention_type": value}))[0] == 200
    held = await us.current()
    assert held.organizations[first].retention is Retention.ZERO_DATA_RETENTION
    assert held.projects[in_us["id"]].retention is ProjectRetention.NONE
    # No project there follows the organization, but the record of the organization is told to every region that has one.
    in_europe = await eu.current()
    assert in_europe.organizations[first].retention is Retention.ZERO_DATA_RETENTION
    assert in_europe.manifest.number == elsewhere + 1
    body = {"retention_type": "enhanced_zero_data_retention"}
    assert (await platform.ask("POST", of(in_eu), body))[0] == 200
    assert (await eu.current()).projects[in_eu["id"]].retention is ProjectRetention.ENHANCED_ZERO_DATA_RETENTION
    logged = [event for event in await platform.audit() if "data_retention" in str(event)]
    assert [
        (event["type"], event[event["type"]]["id"], event[event["type"]]["changes_requested"]["data_retention"])
        for event in logged
    ] == [
        ("project.updated", in_eu["id"], "enhanced_zero_data_retention"),
        ("project.updated", in_us["id"], "none"),
        ("organization.updated", first, "zero_data_retention"),
    ]
    assert {event["actor"]["type"] for event in logged} == {"api_key"}


@SHARED_LOOP
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_required_parameter"),
        ({"retention_type": "everything"}, "invalid_value"),
        ({"retention_type": None}, "invalid_type"),
        ({"retention_type": "zero_data_retention", "type": "none"}, "unknown_parameter"),
    ],
)
async def test_a_wrong_body_is_refused(shared: Platform, body: dict[str, Any], code: str) -> None:
    project = await shared.project()
    for path in (ORGANIZATION, of(project)):
        status, answer = await shared.ask("POST", path, body)
        assert (status, code_of(answer)) == (400, code)
    only_a_projects = {"retention_type": "organization_default"}
    assert (await shared.ask("POST", ORGANIZATION, only_a_projects))[0] == 400


@SHARED_LOOP
async def test_an_archived_project_can_be_read_and_no_more(shared: Platform) -> None:
    project = await shared.project()
    assert (await shared.ask("POST", f"/v1/organization/projects/{project['id']}/archive"))[0] == 200
    assert (await shared.ask("GET", of(project)))[1]["type"] == "organization_default"
    status, answer = await shared.ask("POST", of(project), {"retention_type": "none"})
    assert (status, code_of(answer)) == (400, "project_archived")


@pytest.mark.contract("C04")
async def test_europe_without_zdr_is_one_word_of_the_configuration_away(start: Start, tmp_path: Path) -> None:
    """`requires` without "zdr" is the switch; every other test of this folder is the proof that it is off by default."""
    installation = settings(tmp_path)
    us, eu = installation.regions
    offered = installation.model_copy(
        update={"regions": (us, eu.model_copy(update={"requires": frozenset({"enterprise"})}))}
    )
    platform = await start(offered)
    region = await platform.enrolled("eu")
    tenant = await platform.organization(enterprise_agreement=True)
    project = await new_project(platform, tenant, "EU")
    assert (await region.current()).projects[project["id"]].retention is ProjectRetention.ORGANIZATION_DEFAULT
    for value in ("none", "modified_abuse_monitoring", "organization_default"):
        assert await put(platform, tenant, of(project), value) == (200, None)
    # The agreement is another word, and still there.
    nobody = await platform.organization()
    body = {"name": "p", "geography": "EU"}
    status, answer = await platform.ask("POST", "/v1/organization/projects", body, key=nobody.admin_key)
    assert (status, code_of(answer)) == (403, "enterprise_agreement_required")
