"""Service levels of entitlements: counted once, in whatever order the reports come, and read by operator and admin."""

import random
import time
from collections import Counter
from typing import Any

import msgspec
import pytest

from domicile.boundary import protocol
from domicile.boundary.service_levels import (
    FirstTokens,
    ServiceLevelDelta,
    ServiceLevelReport,
    first_token_bucket,
)
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of
from tests.component.control_plane.region_double import RegionDouble

pytestmark = pytest.mark.contract("C19")

PROJECTS = "/v1/organization/projects"
DAY = 86_400
TODAY = int(time.time()) // DAY * DAY


def delta(
    entitlement_id: str, minute: int = TODAY // 60, times: list[int] | None = None, **counters: int
) -> ServiceLevelDelta:
    values = {
        "requests": 4,
        "failed": 1,
        "input_tokens": 100,
        "output_tokens": 60,
        "streamed_tokens": 50,
        "streaming_milliseconds": 500,
        **counters,
    }
    answers = Counter(map(first_token_bucket, times or []))
    first_tokens = tuple(FirstTokens(*each) for each in sorted(answers.items()))
    return ServiceLevelDelta(minute=minute, entitlement_id=entitlement_id, first_tokens=first_tokens, **values)


async def send(region: RegionDouble, report: ServiceLevelReport) -> Any:
    return await region.call("POST", protocol.SERVICE_LEVELS, msgspec.json.encode(report))


async def test_reports_count_once_whatever_their_order_and_are_read_by_minute_and_day(platform: Platform) -> None:
    region = await platform.enrolled("us")
    project = (await platform.project())["id"]
    sold = await platform.entitlement(project)
    chance = random.Random(7)
    times = [chance.randint(50, 2_000) for _ in range(400)]
    reports = [
        ServiceLevelReport("us", writer, number, (delta(sold["id"], TODAY // 60 + number % 3, times[place::10]),) * 2)
        for place, (writer, number) in enumerate((w, n) for w in (new_id("wr_"), new_id("wr_")) for n in range(1, 6))
    ]
    sent = reports * 2
    chance.shuffle(sent)
    for report in sent:
        assert (await send(region, report)).status == 200
    path = f"/entitlements/{sold['id']}/service_levels"
    (day,) = (await platform.operate("GET", path))["data"]
    assert (day["object"], day["entitlement_id"]) == ("scale_tier.service_level", sold["id"])
    assert (day["start_time"], day["end_time"]) == (TODAY, TODAY + DAY)
    assert (day["num_model_requests"], day["failed_requests"], day["availability"]) == (80, 20, 0.75)
    assert (day["input_tokens"], day["output_tokens"], day["tokens_per_second"]) == (2_000, 1_200, 100.0)
    ordered = sorted(times)
    assert day["first_token_p50_ms"] == pytest.approx(ordered[200], rel=0.1)
    assert day["first_token_p99_ms"] == pytest.approx(ordered[396], rel=0.1)
    span = f"?start_time={TODAY}&end_time={TODAY + 3600}&bucket_width=1m"
    minutes = (await platform.operate("GET", path + span))["data"]
    assert [(each["start_time"], each["num_model_requests"]) for each in minutes] == [
        (TODAY, 16),
        (TODAY + 60, 32),
        (TODAY + 120, 32),
    ]
    status, answer = await platform.ask("GET", f"{PROJECTS}/{project}{path}{span}")
    assert (status, answer["data"]) == (200, minutes)
    # Also after its end: the last minutes may still be on their way.
    await platform.operate("DELETE", f"/entitlements/{sold['id']}")
    assert (await send(region, ServiceLevelReport("us", new_id("wr_"), 1, (delta(sold["id"]),)))).status == 200


async def test_without_requests_there_are_no_figures(platform: Platform) -> None:
    region = await platform.enrolled("us")
    sold = await platform.entitlement((await platform.project())["id"])
    path = f"/entitlements/{sold['id']}/service_levels"
    assert (await platform.operate("GET", path))["data"] == []
    nothing = delta(sold["id"], requests=2, failed=2, streamed_tokens=0, streaming_milliseconds=0)
    await send(region, ServiceLevelReport("us", new_id("wr_"), 1, (nothing,)))
    (day,) = (await platform.operate("GET", path))["data"]
    assert (day["availability"], day["tokens_per_second"]) == (0.0, None)
    assert (day["first_token_p50_ms"], day["first_token_p99_ms"]) == (None, None)


@SHARED_LOOP
async def test_another_regions_entitlement_is_refused_as_a_whole(shared: Platform) -> None:
    project = (await shared.project())["id"]
    sold = await shared.entitlement(project)
    for region, entitlement_id in (("eu", sold["id"]), ("us", new_id("ent_"))):
        deltas = (delta(sold["id"]), delta(entitlement_id))
        answer = await send(shared.regions[region], ServiceLevelReport(region, new_id("wr_"), 1, deltas))
        assert (answer.status, answer.code) == (403, "foreign_entitlement")
    answer = await send(shared.regions["eu"], ServiceLevelReport("us", new_id("wr_"), 1, (delta(sold["id"]),)))
    assert (answer.status, answer.code) == (403, "wrong_region")
    assert (await shared.operate("GET", f"/entitlements/{sold['id']}/service_levels"))["data"] == []


@SHARED_LOOP
@pytest.mark.parametrize(
    ("query", "param"),
    [
        (f"start_time={TODAY}&end_time={TODAY}", "end_time"),
        (f"start_time={TODAY - 40 * DAY}&end_time={TODAY}", "start_time"),
        ("bucket_width=2d", "bucket_width"),
        ("limit=2", "limit"),
    ],
)
async def test_what_cannot_be_asked(shared: Platform, query: str, param: str) -> None:
    sold = await shared.entitlement((await shared.project())["id"])
    path = f"/operator/v1/entitlements/{sold['id']}/service_levels?{query}"
    status, answer = await shared.ask("GET", path, key=shared.operator_key)
    assert (status, answer["error"]["param"]) == (400, param)
    assert code_of(answer) in {"invalid_value", "unknown_parameter"}
