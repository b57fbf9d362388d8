"""The audit log: one row for every change, before it, in its transaction; and who may read which."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

import domicile.control_plane
from domicile.boundary import protocol
from domicile.boundary.audit import AuditReport, RegionEvent, RegionEventType
from domicile.control_plane import service_checks
from domicile.control_plane.audit.event_types import TENANT_TYPES, TYPES
from domicile.control_plane.audit.kinds import KINDS, OPERATOR_KINDS, SHOWN_AS
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.database.transactions import Reader, Reading, Writing
from domicile.control_plane.principals.principal import Operator
from domicile.kernel.clock import SystemClock
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import BUCKET, KMS_ARN, SHARED_LOOP, Platform, Tenant, code_of
from tests.fuzz.specification.cut import SUBSET

PROJECTS = "/v1/organization/projects"
KEYS = "/v1/organization/external_keys"
STORAGES = "/v1/organization/external_storage"
ENTITLEMENTS = "/operator/v1/entitlements"
LOGS = "/v1/organization/audit_logs"
CONTROL_PLANE = Path(domicile.control_plane.__file__).parent
WRITTEN = (
    "organization",
    "agreement",
    "region",
    "enrollment_token",
    "project",
    "service_account",
    "api_key",
    "admin_key",
    "destruction",
    "external_key",
    "external_storage",
    "spend_limit",
    "spend_alert",
    "entitlement",
    "(SELECT region, epoch FROM publication)",
)


async def _rows(platform: Platform) -> tuple[int, str]:
    async with platform.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        events = (await connection.execute(text("SELECT count(*) FROM audit_event"))).scalar_one()
        tables = [(await connection.execute(text(f"SELECT * FROM {name}"))).all() for name in WRITTEN]
    return events, repr(tables)


async def _objects(platform: Platform, method: str, template: str) -> dict[str, str]:  # noqa: PLR0911
    if "{external_key_id}" in template:
        return {"external_key_id": (await platform.external_key())["id"]}
    if template.startswith(ENTITLEMENTS):
        project_id = (await platform.project())["id"]
        sold = await platform.entitlement(project_id) if "{" in template else {"id": ""}
        return {"project_id": project_id, "entitlement_id": sold["id"]}
    if template.startswith(STORAGES):
        project_id = (await platform.project())["id"]
        storage = await platform.external_storage(project_id) if "{" in template else {"id": ""}
        if method == "DELETE":
            await platform.ask("POST", f"{PROJECTS}/{project_id}/archive")
        return {"project_id": project_id, "external_storage_id": storage["id"]}
    if "/spend_" in template:
        return await _spending(platform, method, template)
    if "admin_api_keys/" in template:
        return {"key_id": (await platform.sdk().admin.organization.admin_api_keys.create(name="second")).id}
    if "{project_id}" not in template:
        return {"organization_id": platform.running.identity.first_organization_id, "code": "us"}
    project = await platform.project()
    account = await platform.account(project["id"])
    if template.endswith("/destroy"):
        assert (await platform.ask("POST", f"{PROJECTS}/{project['id']}/archive"))[0] == 200
    if (method, template) == ("DELETE", "/operator/v1/projects/{project_id}/destroy"):
        await platform.operate("POST", f"/projects/{project['id']}/destroy")
    for name in ("model_permissions", "ip_allowlist"):
        if (method, template) == ("DELETE", f"{PROJECTS}/{{project_id}}/{name}"):
            body = BODIES["POST", template]
            assert (await platform.ask("POST", f"{PROJECTS}/{project['id']}/{name}", body))[0] == 200
    ids = {"project_id": project["id"], "account_id": account["id"], "key_id": account["api_key"]["id"]}
    return ids | {"rate_limit_id": "rl_gpt-4o-2024-08-06"}


async def _spending(platform: Platform, method: str, template: str) -> dict[str, str]:
    ids = {"project_id": (await platform.project())["id"]}
    owner = template.partition("/spend_")[0].format(**ids)
    if (method, template.endswith("spend_limit")) == ("DELETE", True):
        assert (await platform.ask("POST", f"{owner}/spend_limit", LIMIT))[0] == 200
    if "{alert_id}" in template:
        ids["alert_id"] = (await platform.ask("POST", f"{owner}/spend_alerts", ALERT))[1]["id"]
    return ids


LIMIT = {"threshold_amount": 500, "currency": "USD", "interval": "month"}
ALERT = {**LIMIT, "notification_channel": {"type": "email", "recipients": ["finance@example.com"]}}
OTHER_ALERT = {**ALERT, "threshold_amount": 0}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", PROJECTS): {"name": "new"},
    ("POST", PROJECTS + "/{project_id}"): {"name": "other"},
    ("POST", PROJECTS + "/{project_id}/archive"): None,
    ("POST", PROJECTS + "/{project_id}/data_retention"): {"retention_type": "none"},
    ("POST", PROJECTS + "/{project_id}/rate_limits/{rate_limit_id}"): {"max_requests_per_1_minute": 7},
    ("POST", PROJECTS + "/{project_id}/model_permissions"): {"mode": "deny_list", "model_ids": ["gpt-4-0613"]},
    ("DELETE", PROJECTS + "/{project_id}/model_permissions"): None,
    ("POST", PROJECTS + "/{project_id}/ip_allowlist"): {"allowed_ips": ["10.0.0.1"]},
    ("DELETE", PROJECTS + "/{project_id}/ip_allowlist"): None,
    ("POST", PROJECTS + "/{project_id}/service_tier_settings"): {"default": "standard"},
    ("POST", PROJECTS + "/{project_id}/service_accounts"): {"name": "new"},
    ("POST", PROJECTS + "/{project_id}/service_accounts/{account_id}"): {"name": "other"},
    ("DELETE", PROJECTS + "/{project_id}/service_accounts/{account_id}"): None,
    ("POST", PROJECTS + "/{project_id}/service_accounts/{account_id}/api_keys"): {},
    ("DELETE", PROJECTS + "/{project_id}/service_accounts/{account_id}/api_keys/{key_id}"): None,
    ("DELETE", PROJECTS + "/{project_id}/api_keys/{key_id}"): None,
    ("POST", "/v1/organization/admin_api_keys"): {"name": "new"},
    ("DELETE", "/v1/organization/admin_api_keys/{key_id}"): None,
    ("POST", KEYS): {"type": "aws", "name": "new", "kms_arn": KMS_ARN},
    ("POST", KEYS + "/{external_key_id}/validate"): None,
    ("DELETE", KEYS + "/{external_key_id}"): None,
    ("POST", STORAGES): {"provider": BUCKET},
    ("POST", STORAGES + "/{external_storage_id}/validate"): None,
    ("DELETE", STORAGES + "/{external_storage_id}"): None,
    ("POST", "/v1/organization/spend_limit"): LIMIT,
    ("DELETE", "/v1/organization/spend_limit"): None,
    ("POST", PROJECTS + "/{project_id}/spend_limit"): LIMIT,
    ("DELETE", PROJECTS + "/{project_id}/spend_limit"): None,
    ("POST", "/v1/organization/spend_alerts"): ALERT,
    ("POST", "/v1/organization/spend_alerts/{alert_id}"): OTHER_ALERT,
    ("DELETE", "/v1/organization/spend_alerts/{alert_id}"): None,
    ("POST", PROJECTS + "/{project_id}/spend_alerts"): ALERT,
    ("POST", PROJECTS + "/{project_id}/spend_alerts/{alert_id}"): OTHER_ALERT,
    ("DELETE", PROJECTS + "/{project_id}/spend_alerts/{alert_id}"): None,
    ("POST", "/v1/organization/data_retention"): {"retention_type": "zero_data_retention"},
    ("POST", "/operator/v1/organization"): {"enhanced_zdr": True},
    ("POST", "/operator/v1/organizations"): {"name": "new"},
    ("POST", "/operator/v1/organizations/{organization_id}"): {"enhanced_zdr": False},
    ("POST", "/operator/v1/regions/{code}/enrollment_tokens"): None,
    ("POST", "/operator/v1/epoch"): None,
    ("POST", ENTITLEMENTS): {"model": "gpt-4-0613", "input_units": 1, "output_units": 1, "ends_at": 4_102_444_800},
    ("DELETE", ENTITLEMENTS + "/{entitlement_id}"): None,
    ("POST", "/operator/v1/projects/{project_id}/destroy"): None,
    ("DELETE", "/operator/v1/projects/{project_id}/destroy"): None,
}


async def test_every_changing_route_writes_an_audit_row_with_its_change(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No region is there to report on a check.
    monkeypatch.setattr(service_checks, "PATIENCE_S", 0.05)
    changing = {
        (method, route.path)
        for route in platform.running.admin_routes
        for method in route.methods or ()
        if method not in {"GET", "HEAD"}
    }
    assert changing == set(BODIES), "a route that changes something is missing here"
    await platform.enrolled("us")
    for (method, template), members in BODIES.items():
        objects = await _objects(platform, method, template)
        path = template.format(**objects)
        body = {**members, "project_id": objects["project_id"]} if path in {STORAGES, ENTITLEMENTS} else members
        key = platform.operator_key if path.startswith("/operator") else platform.admin_key
        before = await _rows(platform)
        status, answer = await platform.ask(method, path, body, key=key)
        after = await _rows(platform)
        assert status == 200, (path, answer)
        assert after[1] != before[1], f"{method} {template} changed nothing"
        assert after[0] > before[0], f"{method} {template} is not in the audit log"


async def test_a_change_that_fails_leaves_neither_row_nor_change(platform: Platform) -> None:
    changes = Changes(platform.running.database, platform.running.publisher, SystemClock())
    before = await _rows(platform)
    with pytest.raises(RuntimeError):
        async with changes.begin(Operator()) as change:
            await change.record(Event("organization.updated", "org-x"))
            raise RuntimeError
    assert await _rows(platform) == before


async def test_the_operator_filters_by_our_own_kinds(platform: Platform) -> None:
    (created,) = (await platform.operate("GET", "/audit_logs?event_types[]=installation.created"))["data"]
    assert (created["type"], created["actor"]) == ("installation.created", {"type": "installation"})
    path = "/operator/v1/audit_logs?event_types[]=region.exploded"
    status, answer = await platform.ask("GET", path, key=platform.operator_key)
    assert (status, answer["error"]["param"]) == (400, "event_types")


async def test_a_kind_that_nobody_could_filter_for_is_not_written(platform: Platform) -> None:
    changes = Changes(platform.running.database, platform.running.publisher, SystemClock())
    with pytest.raises(ValueError, match="unknown kind"):
        async with changes.begin(Operator()) as change:
            await change.record(Event("organization.renamed", "org-x"))


def test_types_and_kinds_are_those_of_the_specification() -> None:
    specification = msgspec.json.decode(SUBSET.read_bytes())
    schemas = specification["components"]["schemas"]
    assert set(schemas["AuditLogEventType"]["enum"]) == TYPES | TENANT_TYPES
    assert set(SHOWN_AS.values()) <= TYPES
    assert not OPERATOR_KINDS & set(SHOWN_AS)
    assert {each.value for each in RegionEventType} <= KINDS


def test_what_has_not_recorded_cannot_write() -> None:
    for reader in (Change, Reading, Reader):
        assert not [name for name in ("execute", "write", "connection") if hasattr(reader, name)]
    assert hasattr(Writing, "execute")


@SHARED_LOOP
async def test_what_happened_to_a_project_can_be_read_with_the_official_client(shared: Platform) -> None:
    tenant = await shared.organization(enterprise_agreement=True)
    organization = shared.sdk(tenant.admin_key).admin.organization
    project = await organization.projects.create(name="alpha")
    account = await organization.projects.service_accounts.create(project.id, name="a")
    assert account.api_key is not None
    await organization.projects.service_accounts.update(account.id, project_id=project.id, role="owner")
    await organization.projects.api_keys.delete(account.api_key.id, project_id=project.id)
    await organization.projects.service_accounts.delete(account.id, project_id=project.id)
    await organization.projects.update(project.id, name="beta")
    await organization.projects.archive(project.id)
    events = [event async for event in organization.audit_logs.list(limit=3)]
    assert [event.type for event in events] == [
        "project.archived",
        "project.updated",
        "service_account.deleted",
        "api_key.deleted",
        "service_account.updated",
        "api_key.created",
        "service_account.created",
        "project.created",
        "organization.updated",
        "api_key.created",
        "organization.updated",
    ]
    created = events[7]
    assert created.project_created is not None
    assert created.project_created.data is not None
    assert (created.project_created.id, created.project_created.data.title) == (project.id, "alpha")
    assert created.project is not None
    assert (created.project.id, created.project.name) == (project.id, "beta")
    assert created.actor is not None
    assert created.actor.api_key is not None
    assert (created.actor.type, created.actor.api_key.id) == ("api_key", tenant.admin_key_id)
    key = events[5]
    assert key.api_key_created is not None
    assert key.api_key_created.id == account.api_key.id
    updated = events[1]
    assert updated.project_updated is not None
    assert updated.project_updated.changes_requested is not None
    assert updated.project_updated.changes_requested.title == "beta"
    assert updated.id.startswith("audit_log-")
    # The operator's change is in the log of the organization that it concerns.
    assert events[8].actor is None
    assert events[8].model_extra is not None
    assert events[8].model_extra["domicile"]["actor"] == "operator"


async def _project_events(shared: Platform) -> tuple[Tenant, list[dict[str, Any]]]:
    tenant = await shared.organization()
    for name in ("alpha", "beta"):
        await shared.ask("POST", PROJECTS, {"name": name}, key=tenant.admin_key)
    events = await shared.audit(key=tenant.admin_key)
    assert [event["type"] for event in events] == [
        "project.created",
        "project.created",
        "api_key.created",
        "organization.updated",
    ]
    assert events[3]["domicile"]["type"] == "organization.created"
    return tenant, events


@SHARED_LOOP
async def test_filters(shared: Platform) -> None:
    tenant, events = await _project_events(shared)
    at = events[0]["effective_at"]
    beta = events[0]["project"]["id"]
    for query, expected in {
        "&event_types[]=project.created": [0, 1],
        "&event_types=api_key.created&event_types=organization.updated": [2, 3],
        "&event_types[]=user.added": [],
        "&tenant_only=true": [],
        "&tenant_only=true&event_types[]=tenant.sso.migrated": [],
        "&tenant_only=False&event_types[]=tenant.sso.migrated": [],
        f"&project_ids[]={beta}": [0],
        f"&resource_ids[]={tenant.id}": [3],
        f"&resource_ids={beta}": [0],
        f"&actor_ids[]={tenant.admin_key_id}": [0, 1],
        "&actor_ids[]=key_x": [],
        f"&effective_at[gt]={at + 10}": [],
        f"&effective_at[gte]={at - 10}": [0, 1, 2, 3],
        f"&effective_at[lt]={at - 10}": [],
        f"&effective_at[lte]={at + 10}": [0, 1, 2, 3],
        f"&effective_at[gte]={at + 10}&effective_at[lte]={at - 10}": [],
    }.items():
        found = await shared.audit(key=tenant.admin_key, query=query)
        assert [event["id"] for event in found] == [events[number]["id"] for number in expected], query


@SHARED_LOOP
async def test_time_bounds_are_exact(shared: Platform) -> None:
    tenant, events = await _project_events(shared)
    async with shared.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        update = text("UPDATE audit_event SET effective_at_ms = :at WHERE id = :id")
        for event, at in zip(events, (3000, 2999, 2000, 1999), strict=True):
            await connection.execute(update, {"at": at, "id": event["id"]})
    for query, expected in {"[gt]=2": [0], "[gte]=2": [0, 1, 2], "[lt]=2": [3], "[lte]=2": [1, 2, 3]}.items():
        found = await shared.audit(key=tenant.admin_key, query=f"&effective_at{query}")
        assert [event["id"] for event in found] == [events[number]["id"] for number in expected], query


@SHARED_LOOP
async def test_pages_in_both_directions(shared: Platform) -> None:
    tenant, events = await _project_events(shared)
    ids = [event["id"] for event in events]

    async def page(query: str) -> tuple[list[str], bool]:
        status, answer = await shared.ask("GET", f"{LOGS}?{query}", key=tenant.admin_key)
        assert status == 200, answer
        assert answer["first_id"] == (answer["data"][0]["id"] if answer["data"] else None)
        return [event["id"] for event in answer["data"]], answer["has_more"]

    assert await page("limit=2") == (ids[:2], True)
    assert await page(f"limit=2&after={ids[1]}") == (ids[2:], False)
    assert await page(f"limit=2&before={ids[3]}") == (ids[1:3], True)
    assert await page(f"limit=2&before={ids[1]}") == (ids[:1], False)
    assert await page(f"after={ids[0]}&before={ids[3]}") == (ids[1:3], False)
    assert await page(f"after={ids[3]}") == ([], False)


@SHARED_LOOP
@pytest.mark.parametrize(
    "query",
    [
        "after=audit_log-x",
        "actor_emails[]=a@b",
        "effective_at=3",
        "tenant_only=maybe",
        "event_types[]=project.exploded",
        "event_types[]=project.created&event_types[]=region.enrolled",
        "event_types[]=project.created&tenant_only=true",
    ],
)
async def test_a_wrong_query_is_refused(shared: Platform, query: str) -> None:
    status, answer = await shared.ask("GET", f"{LOGS}?{query}")
    assert (status, answer["error"]["param"]) == (400, query.partition("=")[0].removesuffix("[]"))
    assert code_of(answer)


@SHARED_LOOP
async def test_an_organization_reads_its_own_log_only(shared: Platform) -> None:
    tenant, events = await _project_events(shared)
    own = {event["id"] for event in await shared.audit()}
    assert not own & {event["id"] for event in events}
    status, _ = await shared.ask("GET", f"{LOGS}?after={events[0]['id']}")
    assert status == 400
    assert {event["domicile"]["organization_id"] for event in events} == {tenant.id}


async def test_no_log_and_no_line_holds_a_key(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    await platform.enrolled("us")
    project = await platform.project()
    account = await platform.account(project["id"])
    admin = await platform.sdk().admin.organization.admin_api_keys.create(name="second")
    tenant = await platform.organization()
    everything = await platform.operate("GET", "/audit_logs?limit=100")
    shown = msgspec.json.encode(everything).decode() + "".join(capsys.readouterr())
    assert account["id"] in shown
    for secret in (
        account["api_key"]["value"],
        admin.value,
        tenant.admin_key,
        platform.admin_key,
        platform.operator_key,
    ):
        assert secret[8:] not in shown
    assert not re.search(r"sk-[a-z]+-1|opk-", shown)


async def test_the_operator_reads_everything_regions_included(platform: Platform) -> None:
    us = await platform.enrolled("us")
    tenant = await platform.organization()
    writer = new_id("wr_")
    event = RegionEvent(RegionEventType.SNAPSHOT_REFUSED, 1_767_225_600_000, 1, 7)
    send: Callable[[AuditReport], Awaitable[Any]] = lambda report: us.call(  # noqa: E731
        "POST", protocol.AUDIT, msgspec.json.encode(report)
    )
    report = AuditReport("us", writer, 1, (event, event))
    assert (await send(report)).body == b'{"new":true}'
    assert (await send(report)).body == b'{"new":false}'
    refused = await send(AuditReport("eu", writer, 2, (event,)))
    assert (refused.status, refused.code) == (403, "wrong_region")
    data = (await platform.operate("GET", "/audit_logs?limit=100"))["data"]
    types = [each["type"] for each in data]
    assert types.count("region.snapshot_refused") == 2
    reported = data[0]
    assert (reported["effective_at"], reported["region"]) == (1_767_225_600, "us")
    assert reported["actor"] == {"type": "region", "region": {"code": "us", "id": us.replica}}
    assert reported["region.snapshot_refused"] == {
        "id": "us",
        "data": {"epoch": 1, "number": 7, "writer": writer},
    }
    assert {"region.enrolled", "region.enrollment_token.created", "installation.created"} <= set(types)
    assert tenant.id in {each.get("organization_id") for each in data}
    assert not [each for each in await platform.audit() if each["type"].startswith("region.")]


def test_writing_transactions_begin_in_these_places_only() -> None:
    begin = {
        file.relative_to(CONTROL_PLANE).as_posix()
        for file in CONTROL_PLANE.rglob("*.py")
        if ".transaction(" in file.read_text("utf-8")
        or "Writing(" in file.read_text("utf-8").replace("class Writing(", "")
    }
    assert begin == {
        "changes.py",  # every change, after its audit row
        "first_start.py",  # the same, before anybody can ask
        "publisher_key_rotation.py",  # the same, while nobody or somebody else serves
        "reports.py",  # usage and audit events of regions: facts, not changes
        "usage/service.py",
        "spending/webhooks.py",  # what became of a delivery
        "usage/price_history.py",  # the prices in force, at the start
        "entitlements/service_levels.py",
        "audit/service.py",
        "publication/publisher.py",  # the number of a snapshot
        "grace.py",  # time that has gone by
        "keys/last_used.py",  # the same
    }
