"""Spending alerts as the official client sets them."""

from typing import Any

import openai
import pytest

from domicile.control_plane.spending import alerts
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of
from tests.component.control_plane.usage.consumer import consumer

CHANNEL = {"type": "email", "recipients": ["finance@example.com"], "subject_prefix": "Spend"}
TERMS: Any = {"threshold_amount": 500, "currency": "USD", "interval": "month", "notification_channel": CHANNEL}


@SHARED_LOOP
@pytest.mark.parametrize("owner", ["organization", "project"])
async def test_the_official_client_creates_lists_changes_and_deletes_alerts(shared: Platform, owner: str) -> None:
    who = await consumer(shared, shared.regions["us"])
    organization: Any = shared.sdk(who.admin_key).admin.organization
    calls, of = (
        (organization.spend_alerts, {})
        if owner == "organization"
        else (organization.projects.spend_alerts, {"project_id": who.project_id})
    )
    made = [await calls.create(**of, **{**TERMS, "threshold_amount": cents}) for cents in (0, 1, 2)]
    assert made[0].model_dump() == {
        "id": made[0].id,
        "object": f"{owner}.spend_alert",
        "threshold_amount": 0,
        "currency": "USD",
        "interval": "month",
        "notification_channel": CHANNEL,
    }
    ids = [each.id for each in made]
    assert [each.id async for each in calls.list(**of, limit=2)] == ids
    assert [each.id async for each in calls.list(**of, order="desc")] == ids[::-1]
    assert [each.id for each in (await calls.list(**of, before=ids[2], limit=1)).data] == [ids[1]]
    page = await calls.list(**of, limit=0)
    assert (page.data, page.has_more) == ([], True)
    assert await calls.retrieve(ids[1], **of) == made[1]
    plain = {"type": "email", "recipients": []}
    changed = await calls.update(ids[1], **of, **{**TERMS, "threshold_amount": 9, "notification_channel": plain})
    assert (changed.id, changed.threshold_amount, changed.notification_channel.subject_prefix) == (ids[1], 9, None)
    deleted = await calls.delete(ids[1], **of)
    assert (deleted.id, deleted.object, deleted.deleted) == (ids[1], f"{owner}.spend_alert.deleted", True)
    with pytest.raises(openai.NotFoundError):
        await calls.retrieve(ids[1], **of)
    # A deleted alert is still a place in the list.
    assert [each.id for each in (await calls.list(**of, after=ids[1])).data] == [ids[2]]


@SHARED_LOOP
async def test_an_alert_belongs_to_one_owner(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    _, alert = await shared.ask("POST", "/v1/organization/spend_alerts", TERMS, key=who.admin_key)
    path = f"/v1/organization/projects/{who.project_id}/spend_alerts"
    for method in ("GET", "DELETE"):
        status, answer = await shared.ask(method, f"{path}/{alert['id']}", key=who.admin_key)
        assert (status, code_of(answer)) == (404, "not_found")
    assert (await shared.ask("GET", path, key=who.admin_key))[1]["data"] == []


@SHARED_LOOP
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"threshold_amount": -1}, "threshold_amount"),
        ({"currency": "EUR"}, "currency"),
        ({"notification_channel": {"type": "sms", "recipients": []}}, "notification_channel.type"),
        ({"notification_channel": {"type": "email"}}, "notification_channel.recipients"),
        ({"notification_channel": {"type": "email", "recipients": ["a\nb"]}}, "notification_channel.recipients[0]"),
    ],
)
async def test_other_bodies_are_refused(shared: Platform, change: dict[str, Any], param: str) -> None:
    status, answer = await shared.ask("POST", "/v1/organization/spend_alerts", {**TERMS, **change})
    assert (status, answer["error"]["param"]) == (400, param)


@SHARED_LOOP
async def test_there_is_an_end_to_alerts(shared: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "MAX_ALERTS", 1)
    who = await consumer(shared, shared.regions["us"])
    path = "/v1/organization/spend_alerts"
    assert (await shared.ask("POST", path, TERMS, key=who.admin_key))[0] == 200
    status, answer = await shared.ask("POST", path, TERMS, key=who.admin_key)
    assert (status, code_of(answer)) == (409, "too_many_spend_alerts")
