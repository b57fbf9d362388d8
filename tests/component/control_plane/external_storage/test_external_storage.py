"""External storages through the official client and by hand, and what the regions are told of them."""

from typing import Any

import pytest
from openai import ConflictError, NotFoundError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from domicile.boundary.outside_services import CheckOutcome, ExternalStorageRecord
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import BUCKET, SHARED_LOOP, Platform, Tenant, code_of

STORAGES = "/v1/organization/external_storage"
PROJECTS = "/v1/organization/projects"


async def _project_of(shared: Platform, tenant: Tenant, **members: Any) -> str:
    status, answer = await shared.ask("POST", PROJECTS, {"name": "p", **members}, key=tenant.admin_key)
    assert status == 200, answer
    return str(answer["id"])


async def test_the_official_client_registers_validates_and_removes_a_storage(platform: Platform) -> None:
    """The control plane with a region that polls, tries each new check, and reports what it finds."""
    us = await platform.enrolled("us")
    outcomes: dict[str, CheckOutcome] = {}
    project, other = await platform.project(), await platform.project()
    storages = platform.sdk().admin.organization.external_storage
    async with us.checking(lambda storage_id: outcomes.get(storage_id, CheckOutcome.USABLE)):
        made = await storages.create(project_id=project["id"], provider=BUCKET)  # type: ignore[arg-type]
        assert (made.object, made.project_id, made.geography) == ("organization.external_storage", project["id"], "US")
        assert (made.provider.type, made.status) == ("aws", "pending")
        assert made.provider.to_dict() == BUCKET
        assert (await storages.validate(made.id)).status == "validated"
        outcomes[made.id] = CheckOutcome.NOT_OFFERED
        validated = await storages.validate(made.id)
        assert validated.model_extra is not None
        assert (validated.status, validated.model_extra["detail"]) == ("unhealthy", "not_offered")
        assert (await storages.retrieve(made.id)).status == "unhealthy"
        assert [each.id async for each in storages.list()] == [made.id]
        assert [each.id async for each in storages.list(project_id=other["id"])] == []
        with pytest.raises(ConflictError, match="Archive the project first") as raised:
            await storages.delete(made.id)
        assert raised.value.code == "project_not_archived"
        await platform.ask("POST", f"{PROJECTS}/{project['id']}/archive")
        removed = await storages.delete(made.id)
        assert (removed.id, removed.deleted, removed.object) == (
            made.id,
            True,
            "organization.external_storage.deleted",
        )
        with pytest.raises(NotFoundError):
            await storages.retrieve(made.id)
        assert [each.id async for each in storages.list()] == []


async def test_a_storage_is_published_to_the_region_of_its_project(platform: Platform) -> None:
    """Until it is removed: the region that destroys an archived project deletes what lies there."""
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    project, in_eu = await platform.project(), await platform.project(geography="EU")
    storage_id = (await platform.external_storage(project["id"]))["id"]
    other = (await platform.external_storage(in_eu["id"], region="eu-central-1", country="DE"))["id"]
    record = ExternalStorageRecord(storage_id, project["id"], "their-bucket", "us-east-1", "US", 1)
    assert (await us.current()).external_storages == {storage_id: record}
    assert list((await eu.current()).external_storages) == [other]
    await platform.ask("POST", f"{PROJECTS}/{project['id']}/archive")
    held = await us.current()
    assert (list(held.projects), held.external_storages) == ([], {storage_id: record})
    await platform.ask("DELETE", f"{STORAGES}/{storage_id}")
    assert (await us.current()).external_storages == {}


@pytest.mark.contract("C06")
@SHARED_LOOP
@pytest.mark.parametrize("country", ["DE", "GB", "XX"])
async def test_a_bucket_outside_the_projects_region_is_refused(shared: Platform, country: str) -> None:
    tenant = await shared.organization()
    body = {"project_id": await _project_of(shared, tenant), "provider": BUCKET | {"country": country}}
    status, answer = await shared.ask("POST", STORAGES, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (400, "country_outside_region")
    assert answer["error"]["param"] == "provider.country"
    assert answer["error"]["message"].endswith("Use a bucket in one of these: US.")


@SHARED_LOOP
async def test_a_project_has_one_storage_for_ever(shared: Platform) -> None:
    tenant = await shared.organization()
    project_id = await _project_of(shared, tenant)
    storage = await shared.external_storage(project_id, key=tenant.admin_key)
    body = {"project_id": project_id, "provider": BUCKET | {"bucket": "another-bucket"}}
    status, answer = await shared.ask("POST", STORAGES, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (409, "external_storage_exists")
    await shared.ask("POST", f"{PROJECTS}/{project_id}/archive", key=tenant.admin_key)
    assert (await shared.ask("DELETE", f"{STORAGES}/{storage['id']}", key=tenant.admin_key))[0] == 200
    status, answer = await shared.ask("POST", STORAGES, body, key=tenant.admin_key)
    assert (status, code_of(answer)) == (400, "project_archived")
    with pytest.raises(IntegrityError):
        async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            copy = (
                "INSERT INTO external_storage (id, organization_id, project_id, bucket, signing_region, country, "
                "created_at_ms, check_number) SELECT 'extstore_x', organization_id, project_id, bucket, signing_region, "
                "country, created_at_ms, check_number FROM external_storage WHERE id = :id"
            )
            await connection.execute(text(copy), {"id": storage["id"]})


@SHARED_LOOP
async def test_anothers_project_is_like_none(shared: Platform) -> None:
    tenant, other = await shared.organization(), await shared.organization()
    for project_id in (await _project_of(shared, other), new_id("proj_"), "p"):
        body = {"project_id": project_id, "provider": BUCKET}
        status, answer = await shared.ask("POST", STORAGES, body, key=tenant.admin_key)
        assert (status, code_of(answer), answer["error"]["param"]) == (400, "project_not_found", "project_id")
        assert answer["error"]["message"] == f"No such project: '{project_id}'."


@SHARED_LOOP
@pytest.mark.parametrize(
    ("members", "code", "param"),
    [
        ({"type": "gcp", "workload_identity_pool_id": "a"}, "unsupported_parameter", "provider.type"),
        ({"type": "azure", "container": "a"}, "unsupported_parameter", "provider.type"),
        ({"type": "oci", "tenancy_ocid": "a"}, "unsupported_parameter", "provider.type"),
        ({"type": "folder"}, "invalid_value", "provider.type"),
        ({"role_arn": "arn:aws:iam::123456789012:role/r"}, "unsupported_parameter", "provider.role_arn"),
        ({"external_id": "x"}, "unsupported_parameter", "provider.external_id"),
        ({"bucket": "arn:aws:s3:::their-bucket"}, "invalid_value", "provider.bucket"),
        ({"bucket": "Their_Bucket"}, "invalid_value", "provider.bucket"),
        ({"bucket": "a/b"}, "invalid_value", "provider.bucket"),
        ({"bucket": "their-bucket\n"}, "invalid_value", "provider.bucket"),
        ({"region": "us east"}, "invalid_value", "provider.region"),
        ({"country": "us"}, "invalid_value", "provider.country"),
        ({"country": "USA"}, "invalid_value", "provider.country"),
        ({"url": "https://example.com"}, "unknown_parameter", "provider.url"),
    ],
)
async def test_a_wrong_body_is_refused(shared: Platform, members: dict[str, str], code: str, param: str) -> None:
    body = {"project_id": new_id("proj_"), "provider": BUCKET | members}
    status, answer = await shared.ask("POST", STORAGES, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


@SHARED_LOOP
@pytest.mark.parametrize("missing", ["type", "bucket", "region", "country"])
async def test_a_member_that_is_missing_is_named(shared: Platform, missing: str) -> None:
    provider = {name: value for name, value in BUCKET.items() if name != missing}
    status, answer = await shared.ask("POST", STORAGES, {"project_id": new_id("proj_"), "provider": provider})
    assert (status, answer["error"]["param"]) == (400, f"provider.{missing}")
    assert code_of(answer) == "missing_required_parameter"


async def test_only_the_region_of_its_project_reports_on_a_storage(platform: Platform) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    project = await platform.project()
    storage_id = (await platform.external_storage(project["id"]))["id"]
    for region, status in ((eu, "pending"), (us, "validated")):
        await region.report_check(storage_id, 1)
        assert (await platform.ask("GET", f"{STORAGES}/{storage_id}"))[1]["status"] == status


async def test_the_organization_reads_the_life_of_its_storage(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    storage_id = (await platform.external_storage(project["id"]))["id"]
    await us.report_check(storage_id, 1)
    await platform.ask("POST", f"{PROJECTS}/{project['id']}/archive")
    await platform.ask("DELETE", f"{STORAGES}/{storage_id}")
    removed, checked, registered = await platform.audit(query=f"&resource_ids[]={storage_id}")
    for event, kind in (
        (registered, "external_storage.registered"),
        (checked, "region.external_storage_checked"),
        (removed, "external_storage.removed"),
    ):
        assert (event["type"], event["domicile"]["type"]) == ("project.updated", kind)
        assert event["project"]["id"] == project["id"]
    assert registered["project.updated"]["data"] == {"project_id": project["id"], "provider": BUCKET}
    assert checked["project.updated"]["data"]["outcome"] == "usable"
