"""External keys through the official client and by hand, and what the regions are told of them."""

import asyncio
from typing import Any

import pytest
from openai import BadRequestError, ConflictError, NotFoundError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domicile.boundary.outside_services import CheckOutcome, ExternalKeyRecord
from domicile.boundary.snapshot import SnapshotQuery
from domicile.control_plane import service_checks
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.external_keys import service
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import KMS_ARN, SHARED_LOOP, Platform, ShiftedClock, code_of
from tests.component.control_plane.region_double import RegionDouble

KEYS = "/v1/organization/external_keys"
PROJECTS = "/v1/organization/projects"
DAY_MS = 24 * 3_600_000


async def _status(platform: Platform, key_id: str) -> tuple[str, str | None]:
    status, answer = await platform.ask("GET", f"{KEYS}/{key_id}")
    assert status == 200, answer
    return answer["status"], answer["detail"]


async def _usable_key(platform: Platform, region: RegionDouble, **members: Any) -> str:
    key_id = str((await platform.external_key(**members))["id"])
    await region.report_check(key_id, 1)
    return key_id


async def test_the_official_client_registers_validates_and_removes_a_key(platform: Platform) -> None:
    """The control plane with a region that polls, tries each new check, and reports what it finds."""
    us = await platform.enrolled("us")
    outcomes: dict[str, CheckOutcome] = {}
    keys = platform.sdk().admin.organization.external_keys
    async with us.checking(lambda key_id: outcomes.get(key_id, CheckOutcome.USABLE)):
        # The official client insists on the members of a role, which nobody assumes here.
        key = await keys.create(  # type: ignore[call-overload]
            type="aws", name="theirs", kms_arn=KMS_ARN, role_arn=None, external_id=None
        )
        assert (key.object, key.type, key.name, key.kms_arn) == ("organization.external_key", "aws", "theirs", KMS_ARN)
        assert (key.region, key.purpose, key.api_project_ids) == ("us-east-1", "ekm", [])
        assert (await keys.validate(key.id)).status == "success"
        outcomes[key.id] = CheckOutcome.REFUSED
        answer = await keys.validate(key.id)
        assert (answer.status, answer.model_extra) == ("failed", {"detail": "refused"})
        found = await keys.retrieve(key.id)
        assert found.model_extra is not None
        assert (found.model_extra["status"], found.model_extra["residency"]) == ("failed", "US_STORAGE_PROCESSING")
        assert [each.id async for each in keys.list(purpose="ekm")] == [key.id]
        removed = await keys.delete(key.id)
        assert (removed.id, removed.object) == (key.id, "organization.external_key.deleted")
        with pytest.raises(NotFoundError):
            await keys.retrieve(key.id)
        assert [each.id async for each in keys.list()] == []


async def test_a_key_is_published_to_its_region_alone(platform: Platform) -> None:
    """In the shard of its organization, also when the organization has no project there."""
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    organization_id = platform.running.identity.first_organization_id
    key_id = (await platform.external_key())["id"]
    assert (await us.current()).external_keys == {key_id: ExternalKeyRecord(key_id, organization_id, KMS_ARN, 1)}
    assert (await eu.current()).external_keys == {}
    in_eu = await platform.external_key(residency="EU_STORAGE_PROCESSING")
    assert in_eu["residency"] == "EU_STORAGE_PROCESSING"
    assert list((await eu.current()).external_keys) == [in_eu["id"]]
    assert (await platform.ask("DELETE", f"{KEYS}/{key_id}"))[0] == 200
    assert (await us.current()).external_keys == {}


@pytest.mark.contract("C06")
async def test_a_region_of_the_previous_version_gets_no_project_with_an_outside_service(platform: Platform) -> None:
    us = await platform.enrolled("us")
    plain, stored = await platform.project(), await platform.project()
    wrapped = await platform.project(external_key_id=await _usable_key(platform, us))
    accounts = [await platform.account(project["id"]) for project in (plain, stored, wrapped)]
    await platform.external_storage(stored["id"])
    old = await us.poll(SnapshotQuery(0, 0, (1, 2)))
    assert old is not None
    assert (set(old.projects), set(old.keys)) == ({plain["id"]}, {accounts[0]["api_key"]["id"]})
    assert old.checks == {}
    new = await us.current()
    assert set(new.projects) == {plain["id"], stored["id"], wrapped["id"]}
    assert len(new.keys) == 3
    assert len(new.checks) == 2


async def test_a_project_names_a_key_for_ever(platform: Platform) -> None:
    us = await platform.enrolled("us")
    key_id = await _usable_key(platform, us)
    other = await _usable_key(platform, us)
    projects = platform.sdk().admin.organization.projects
    project = await projects.create(name="p", external_key_id=key_id)
    assert project.external_key_id == key_id
    assert (await projects.retrieve(project.id)).external_key_id == key_id
    assert [each.external_key_id async for each in projects.list()] == [key_id]
    assert (await us.current()).projects[project.id].external_key_id == key_id
    assert (await platform.ask("GET", f"{KEYS}/{key_id}"))[1]["api_project_ids"] == [project.id]
    assert (await platform.ask("GET", KEYS))[1]["data"][0]["api_project_ids"] == [project.id]

    assert (await projects.update(project.id, name="q", external_key_id=key_id)).name == "q"
    plain = await projects.create(name="plain")
    for project_id in (project.id, plain.id):
        with pytest.raises(BadRequestError, match="Create a new project") as raised:
            await projects.update(project_id, external_key_id=other)
        assert (raised.value.code, raised.value.param) == ("external_key_immutable", "external_key_id")
    assert (await projects.archive(project.id)).external_key_id == key_id
    # Nor below the code.
    with pytest.raises(IntegrityError, match="a project never changes"):
        async with platform.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(text("UPDATE project SET external_key_id = NULL"))


async def test_a_key_that_a_new_project_cannot_name(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    tenant = await platform.organization()
    foreign = await platform.external_key(key=tenant.admin_key)
    await us.report_check(foreign["id"], 1)
    untried, refused = await platform.external_key(), await platform.external_key()
    await us.report_check(refused["id"], 1, CheckOutcome.REFUSED)
    in_eu = await platform.external_key(residency="EU_STORAGE_PROCESSING")
    await eu.report_check(in_eu["id"], 1)
    removed = await _usable_key(platform, us)
    await platform.ask("DELETE", f"{KEYS}/{removed}")
    for key_id, code in (
        (foreign["id"], "external_key_not_found"),
        (new_id("extkey_"), "external_key_not_found"),
        (removed, "external_key_not_found"),
        ("k", "external_key_not_found"),
        (in_eu["id"], "external_key_in_other_region"),
        (untried["id"], "external_key_not_usable"),
        (refused["id"], "external_key_not_usable"),
    ):
        status, answer = await platform.ask("POST", PROJECTS, {"name": "p", "external_key_id": key_id})
        assert (status, code_of(answer), answer["error"]["param"]) == (400, code, "external_key_id")
        if code == "external_key_not_found":
            assert answer["error"]["message"] == f"No such external key: '{key_id}'."
    assert "is not usable: refused" in answer["error"]["message"]
    status, answer = await platform.ask("POST", PROJECTS, {"name": "p", "external_key_id": "a\0"})
    assert (status, code_of(answer)) == (400, "invalid_value")
    assert (await platform.ask("GET", PROJECTS))[1]["data"] == []
    # The database itself holds key and project together.
    project = await platform.project()
    for key_id in (foreign["id"], in_eu["id"]):
        with pytest.raises(IntegrityError):
            async with platform.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
                copy = (
                    "INSERT INTO project (id, organization_id, name, region, retention, status, created_at_ms, "
                    "external_key_id) SELECT 'proj_x', organization_id, name, region, retention, status, created_at_ms, "
                    "cast(:key AS varchar) FROM project WHERE id = :id"
                )
                await connection.execute(text(copy), {"key": key_id, "id": project["id"]})


async def test_only_the_asked_check_counts_and_only_from_the_keys_region(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    key_id = (await platform.external_key())["id"]
    assert await _status(platform, key_id) == ("pending", None)
    await eu.report_check(key_id, 1)
    await us.report_check(key_id, 2)
    assert await _status(platform, key_id) == ("pending", None), "not its region, and a check that nobody asked for"
    await us.report_check(key_id, 1, CheckOutcome.UNREACHABLE)
    assert await _status(platform, key_id) == ("failed", "unreachable")
    await us.report_check(key_id, 1)
    assert await _status(platform, key_id) == ("failed", "unreachable"), "one report for each check"
    validating = asyncio.create_task(platform.ask("POST", f"{KEYS}/{key_id}/validate"))
    held = await us.current()
    while held.checks[key_id] == 1:
        held = await us.poll(held.query) or held
    await us.report_check(key_id, 1)
    assert await _status(platform, key_id) == ("pending", None), "a late report of the check before"
    await us.report_check(key_id, held.checks[key_id], CheckOutcome.NOT_OFFERED)
    assert await validating == (200, {"status": "failed", "detail": "not_offered"})
    await us.report_check(new_id("extkey_"), 1)


async def test_a_report_about_a_storage_under_the_keys_event_changes_nothing(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    storage = await platform.external_storage(project["id"])
    await us.report_check(storage["id"].replace("extstore_", "extkey_"), 1)
    assert (await platform.ask("GET", f"/v1/organization/external_storage/{storage['id']}"))[1]["status"] == "pending"


async def test_a_region_that_does_not_report_leaves_the_check_pending(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_checks, "PATIENCE_S", 0.05)
    us = await platform.enrolled("us")
    key_id = await _usable_key(platform, us)
    numbers = [1]
    for _ in range(2):
        status, answer = await platform.ask("POST", f"{KEYS}/{key_id}/validate")
        assert (status, answer) == (200, {"status": "pending", "detail": None})
        numbers.append((await us.current()).checks[key_id])
    assert numbers == sorted(set(numbers))
    checked_at = (await platform.ask("GET", f"{KEYS}/{key_id}"))[1]["checked_at"]
    assert isinstance(checked_at, int), "when the region reported last"
    await us.report_check(key_id, numbers[-1])
    assert await _status(platform, key_id) == ("success", "usable")


async def test_a_check_is_new_to_the_region_after_a_restore(
    platform: Platform, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup has forgotten the numbers since it was made; the region has not."""
    monkeypatch.setattr(service_checks, "PATIENCE_S", 0.05)
    us = await platform.enrolled("us")
    key_id = (await platform.external_key())["id"]
    for _ in range(3):
        await platform.ask("POST", f"{KEYS}/{key_id}/validate")
    tried = (await us.current()).checks[key_id]
    async with platform.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        await connection.execute(text("UPDATE external_key SET check_number = 1"))
    clock.ahead_ms = us.ahead_ms = 10_000
    await platform.ask("POST", f"{KEYS}/{key_id}/validate")
    assert (await us.current()).checks[key_id] > tried


async def test_many_callers_of_one_organization_do_not_wait(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_checks, "MAX_WAITING", 2)
    monkeypatch.setattr(service_checks, "PATIENCE_S", 600.0)
    us = await platform.enrolled("us")
    key_id, other = (await platform.external_key())["id"], (await platform.external_key())["id"]
    waiting = [asyncio.create_task(platform.ask("POST", f"{KEYS}/{key_id}/validate")) for _ in range(2)]
    held = await us.current()
    while len({event["id"] for event in await platform.audit(query=f"&resource_ids[]={key_id}")}) < 3:
        held = await us.poll(held.query) or held
    status, answer = await platform.ask("POST", f"{KEYS}/{other}/validate")
    assert (status, answer["status"]) == (200, "pending")
    assert not any(task.done() for task in waiting)
    await us.report_check(key_id, (await us.current()).checks[key_id])
    assert await asyncio.gather(*waiting) == [(200, {"status": "success", "detail": "usable"})] * 2


async def test_a_key_goes_when_its_projects_are_destroyed(platform: Platform, clock: ShiftedClock) -> None:
    us = await platform.enrolled("us")
    key_id = await _usable_key(platform, us)
    project = await platform.project(external_key_id=key_id)
    keys = platform.sdk().admin.organization.external_keys

    async def refused() -> None:
        with pytest.raises(ConflictError, match=project["id"]) as raised:
            await keys.delete(key_id)
        assert raised.value.code == "external_key_in_use"

    await refused()
    await platform.ask("POST", f"{PROJECTS}/{project['id']}/archive")
    await refused()
    await platform.operate("POST", f"/projects/{project['id']}/destroy")
    clock.ahead_ms = us.ahead_ms = 8 * DAY_MS
    clock.elapsed_s = 8 * 24 * 3600
    await platform.running.grace.count()
    await refused()
    await us.report_destroyed(project["id"], clock.now_ms())
    assert (await keys.retrieve(key_id)).api_project_ids == []
    await keys.delete(key_id)
    status, answer = await platform.ask("GET", f"{PROJECTS}/{project['id']}")
    assert (status, answer["external_key_id"]) == (200, key_id)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"type": "gcp", "audience": "a"}, "unsupported_parameter", "type"),
        ({"type": "azure", "tenant_id": "a"}, "unsupported_parameter", "type"),
        ({"type": "oci", "key_ocid": "a"}, "unsupported_parameter", "type"),
        ({"type": "vault"}, "invalid_value", "type"),
        ({"role_arn": "arn:aws:iam::123456789012:role/r"}, "unsupported_parameter", "role_arn"),
        ({"external_id": "x"}, "unsupported_parameter", "external_id"),
        ({"purpose": "psp_decryption"}, "unsupported_parameter", "purpose"),
        ({"name": ""}, "invalid_value", "name"),
        ({"color": "red"}, "unknown_parameter", "color"),
        ({"residency": "MOON"}, "invalid_residency", "residency"),
        *(
            ({"kms_arn": arn}, "invalid_value", "kms_arn")
            for arn in (
                "",
                "1234abcd-12ab-34cd-56ef-1234567890ab",
                "alias/theirs",
                "arn:aws:kms:us-east-1:123456789012:alias/theirs",
                "arn:aws:s3:::their-bucket",
                KMS_ARN + "\n",
                KMS_ARN + "\0",
            )
        ),
    ],
)
async def test_a_wrong_body_is_refused(shared: Platform, members: dict[str, str], code: str, param: str) -> None:
    body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN, **members}
    status, answer = await shared.ask("POST", KEYS, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


@SHARED_LOOP
@pytest.mark.parametrize("missing", ["type", "name", "kms_arn"])
async def test_a_member_that_is_missing_is_named(shared: Platform, missing: str) -> None:
    body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN}
    del body[missing]
    status, answer = await shared.ask("POST", KEYS, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, "missing_required_parameter", missing)


@SHARED_LOOP
async def test_only_ekm_keys_are_listed(shared: Platform) -> None:
    status, answer = await shared.ask("GET", f"{KEYS}?purpose=psp_decryption")
    assert (status, answer["error"]["param"]) == (400, "purpose")


@SHARED_LOOP
async def test_an_organization_has_a_bounded_number_of_keys(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MAX_KEYS", 2)
    tenant, other = await shared.organization(), await shared.organization()
    first = await shared.external_key(key=tenant.admin_key)
    await shared.external_key(key=tenant.admin_key)
    body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN}
    status, answer = await shared.ask("POST", KEYS, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (409, "too_many_external_keys")
    await shared.external_key(key=other.admin_key)
    assert (await shared.ask("DELETE", f"{KEYS}/{first['id']}", key=tenant.admin_key))[0] == 200
    await shared.external_key(key=tenant.admin_key)


@SHARED_LOOP
async def test_a_key_needs_the_agreements_of_its_region(shared: Platform) -> None:
    tenant = await shared.organization()
    body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN, "residency": "EU_STORAGE_PROCESSING"}
    status, answer = await shared.ask("POST", KEYS, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (403, "enterprise_agreement_required")


async def test_a_region_that_is_not_enrolled_takes_no_key(platform: Platform) -> None:
    body = {"type": "aws", "name": "k", "kms_arn": KMS_ARN}
    status, answer = await platform.ask("POST", KEYS, body)
    assert (status, code_of(answer)) == (503, "service_unavailable")


async def test_the_organization_reads_the_life_of_its_key(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_checks, "PATIENCE_S", 0.05)
    us = await platform.enrolled("us")
    key_id = (await platform.external_key())["id"]
    await us.report_check(key_id, 1, CheckOutcome.REFUSED)
    await platform.ask("POST", f"{KEYS}/{key_id}/validate")
    await platform.ask("DELETE", f"{KEYS}/{key_id}")
    removed, requested, checked, registered = await platform.audit(query=f"&resource_ids[]={key_id}")
    assert registered["type"] == "external_key.registered"
    data = {"type": "aws", "name": "k", "kms_arn": KMS_ARN, "residency": "US_STORAGE_PROCESSING"}
    assert registered["external_key.registered"] == {"id": key_id, "data": data}
    assert (checked["type"], checked["domicile"]["type"]) == ("organization.updated", "region.external_key_checked")
    found = checked["organization.updated"]["data"]
    assert (found["check"], found["outcome"]) == (1, "refused")
    assert (checked["actor"], checked["domicile"]["actor"], checked["domicile"]["region"]) == (None, "region", "us")
    assert requested["domicile"]["type"] == "external_key.check_requested"
    assert list(requested["organization.updated"]["data"]) == ["check"]
    assert removed["external_key.removed"] == {"id": key_id}
