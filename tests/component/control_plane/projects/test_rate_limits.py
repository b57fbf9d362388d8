"""Rate limits of projects through the official client: shown, lowered, published to the region (contract C19)."""

from typing import Any

import pytest
from openai import BadRequestError, NotFoundError

from domicile.boundary.rate_limits import ProjectRateLimit
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of

PROJECTS = "/v1/organization/projects"
MODEL = "gpt-4o-2024-08-06"
RATE_LIMIT = f"rl_{MODEL}"


async def test_the_official_client_lists_and_lowers_and_the_region_knows(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    rate_limits = platform.sdk().admin.organization.projects.rate_limits
    found = {each.model: each async for each in rate_limits.list_rate_limits(project)}
    assert {"dall-e-3", "whisper-1", "text-embedding-3-small", MODEL} <= set(found)
    before = found[MODEL]
    assert (before.id, before.object) == (RATE_LIMIT, "project.rate_limit")
    assert (before.max_requests_per_1_minute, before.max_tokens_per_1_minute) == (10_000, 30_000_000)
    assert before.max_images_per_1_minute is None
    assert found["dall-e-3"].max_images_per_1_minute == 500
    changed = await rate_limits.update_rate_limit(RATE_LIMIT, project_id=project, max_requests_per_1_minute=60)
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (60, 30_000_000)
    changed = await rate_limits.update_rate_limit(RATE_LIMIT, project_id=project, max_tokens_per_1_minute=90_000)
    assert (changed.max_requests_per_1_minute, changed.max_tokens_per_1_minute) == (60, 90_000)
    held = await region.current()
    own = ProjectRateLimit(MODEL, requests_per_minute=60, tokens_per_minute=90_000)
    assert held.projects[project].rate_limits == (own,)
    (newest, *_) = await platform.audit()
    assert (newest["type"], newest["rate_limit.updated"]["id"]) == ("rate_limit.updated", RATE_LIMIT)
    assert (before.batch_1_day_max_input_tokens, found["dall-e-3"].batch_1_day_max_input_tokens) == (5 * 10**9, None)
    changed = await rate_limits.update_rate_limit(RATE_LIMIT, project_id=project, batch_1_day_max_input_tokens=7000)
    assert changed.batch_1_day_max_input_tokens == 7000
    assert (await region.current()).projects[project].rate_limits[0].batch_queue_tokens == 7000
    # Up again, to what the catalogue says.
    raised = await rate_limits.update_rate_limit(RATE_LIMIT, project_id=project, max_requests_per_1_minute=10_000)
    assert raised.max_requests_per_1_minute == 10_000
    other = (await platform.project())["id"]
    assert (await region.current()).projects[other].rate_limits == ()


async def test_pages_of_rate_limits(platform: Platform) -> None:
    await platform.enrolled("us")
    path = f"{PROJECTS}/{(await platform.project())['id']}/rate_limits"
    _, whole = await platform.ask("GET", path)
    ids = [each["id"] for each in whole["data"]]
    assert len(ids) > 10
    seen: list[str] = []
    after = ""
    while True:
        _, page = await platform.ask("GET", f"{path}?limit=4{after}")
        seen += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert seen == ids
    _, back = await platform.ask("GET", f"{path}?limit=4&before={ids[6]}")
    assert ([each["id"] for each in back["data"]], back["has_more"]) == (ids[2:6], True)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"max_requests_per_1_minute": 10_001}, "rate_limit_too_high", "max_requests_per_1_minute"),
        ({"max_requests_per_1_minute": 0}, "invalid_value", "max_requests_per_1_minute"),
        ({"max_tokens_per_1_minute": "many"}, "invalid_type", "max_tokens_per_1_minute"),
        ({"batch_1_day_max_input_tokens": 2**36}, "rate_limit_too_high", "batch_1_day_max_input_tokens"),
        ({"max_requests": 5}, "unknown_parameter", "max_requests"),
    ],
)
async def test_what_cannot_be_set(shared: Platform, body: dict[str, Any], code: str, param: str) -> None:
    path = f"{PROJECTS}/{(await shared.project())['id']}/rate_limits/{RATE_LIMIT}"
    status, answer = await shared.ask("POST", path, body)
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


async def test_unknown_and_archived(platform: Platform) -> None:
    await platform.enrolled("us")
    project = (await platform.project())["id"]
    rate_limits = platform.sdk().admin.organization.projects.rate_limits
    for unknown in ("rl_gpt-5", "rl_gpt-4o", "x"):
        with pytest.raises(NotFoundError):
            await rate_limits.update_rate_limit(unknown, project_id=project, max_requests_per_1_minute=5)
    with pytest.raises(BadRequestError):
        await rate_limits.list_rate_limits(project, after="rl_gpt-5")
    await platform.ask("POST", f"{PROJECTS}/{project}/archive")
    assert (await rate_limits.list_rate_limits(project)).data
    with pytest.raises(BadRequestError) as refused:
        await rate_limits.update_rate_limit(RATE_LIMIT, project_id=project, max_requests_per_1_minute=5)
    assert refused.value.code == "project_archived"
