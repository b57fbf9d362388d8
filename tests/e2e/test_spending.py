"""The official admin client walks every path of usage, costs, limits and alerts."""

import time
from typing import Any

import openai
import pytest

from tests.e2e.conftest import RunningUp
from tests.platform.processes import eventually

TERMS: Any = {"currency": "USD", "interval": "month"}
CHANNEL: Any = {"type": "email", "recipients": ["finance@example.com"]}


def test_costs_of_what_was_used(up: RunningUp) -> None:
    key = up.new_key("us")
    answer = up.client("us", key.secret).embeddings.create(model="text-embedding-3-small", input="hello world")
    tokens = answer.usage.prompt_tokens
    usage = up.admin().admin.organization.usage
    start = int(time.time()) - 86_400

    def lines() -> list[Any]:
        page = usage.costs(start_time=start, group_by=["project_id", "line_item"], project_ids=[key.project_id])
        return [result for bucket in page.data for result in bucket.results]

    eventually(lines, what="the costs are there")
    (line,) = lines()
    assert (line.line_item, line.quantity, line.quantity_unit) == ("text-embedding-3-small, input", tokens, "tokens")
    # Two cents for a million tokens.
    assert line.amount.value == pytest.approx(tokens * 2e-8)
    for kind in ("vector_stores", "code_interpreter_sessions", "file_search_calls", "web_search_calls"):
        assert getattr(usage, kind)(start_time=start).data[0].results == []


@pytest.mark.parametrize("owner", ["organization", "project"])
def test_limits_and_alerts(up: RunningUp, owner: str) -> None:
    made = up.operator("POST", "/operator/v1/organizations", {"name": "spender"}).json()
    admin = up.admin(made["admin_api_key"]["value"])
    key = up.new_key("us", admin)
    organization: Any = admin.admin.organization
    limits, alerts = (
        (organization.spend_limit, organization.spend_alerts)
        if owner == "organization"
        else (organization.projects.spend_limit, organization.projects.spend_alerts)
    )
    of = {} if owner == "organization" else {"project_id": key.project_id}
    assert limits.update(**of, threshold_amount=1, **TERMS) == limits.retrieve(**of)
    alert = alerts.create(**of, threshold_amount=1, notification_channel=CHANNEL, **TERMS)
    assert alerts.retrieve(alert.id, **of) == alert
    changed = alerts.update(alert.id, **of, threshold_amount=2, notification_channel=CHANNEL, **TERMS)
    assert [each.id for each in alerts.list(**of)] == [changed.id]
    assert alerts.delete(alert.id, **of).deleted
    client = up.client("us", key.secret)
    # A picture costs four cents.
    draw = {"model": "dall-e-3", "prompt": "a house", "size": "1024x1024", "response_format": "b64_json"}
    client.images.generate(**draw)  # type: ignore[call-overload]
    with pytest.raises(openai.RateLimitError) as refused:
        client.images.generate(**draw)  # type: ignore[call-overload]
    assert (refused.value.code, owner in refused.value.message) == ("insufficient_quota", True)
    assert limits.delete(**of).deleted
    eventually(lambda: client.images.generate(**draw), what="without a limit it works again")  # type: ignore[call-overload]
