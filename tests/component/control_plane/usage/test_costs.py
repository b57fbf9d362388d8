"""Costs as the official client reads them: OpenAI's line items, exact amounts, the same in every region."""

import datetime
from decimal import Decimal
from typing import Any

import pytest

from domicile.boundary.usage import ImageSize, ServiceTier, Usage
from domicile.catalogue.endpoints import Endpoint
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, ShiftedClock, code_of
from tests.component.control_plane.usage.consumer import DAY, Consumer, consumer

COSTS = "/v1/organization/costs"


async def costs(platform: Platform, who: Consumer, query: str = "", *, days: int = 1) -> list[list[dict[str, Any]]]:
    """The results of each day."""
    path = f"{COSTS}?start_time={DAY}&end_time={DAY + days * 86400}{query}"
    status, answer = await platform.ask("GET", path, key=who.admin_key)
    assert status == 200, answer
    return [bucket["results"] for bucket in answer["data"]]


@SHARED_LOOP
async def test_the_official_client_reads_costs_by_line_item(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    image: dict[str, Any] = {"model": "dall-e-3", "endpoint": Endpoint.IMAGES_GENERATIONS}
    await who.report(
        who.delta(usage=Usage(1_000_000, 400_000, 100_000, 0)),
        who.delta(DAY + 7200, usage=Usage(1_000_000, 400_000, 100_000, 0)),
        who.delta(batch=True, usage=Usage(100, 0, 10, 0)),
        who.delta(tier=ServiceTier.SCALE, usage=Usage(5, 0, 0, 0)),
        who.delta(model="whisper-1", endpoint=Endpoint.AUDIO_TRANSCRIPTIONS, usage=Usage(audio_milliseconds=1500)),
        who.delta(**image, usage=Usage(images=2), image_size=ImageSize.SQUARE_1024),
    )
    page = await shared.sdk(who.admin_key).admin.organization.usage.costs(
        start_time=DAY, end_time=DAY + 86400, bucket_width="1d", group_by=["project_id", "line_item"]
    )
    assert (page.object, page.has_more, page.next_page) == ("page", False, None)
    (bucket,) = page.data
    assert (bucket.start_time, bucket.end_time) == (DAY, DAY + 86400)
    results: list[Any] = list(bucket.results)
    assert {each.object for each in results} == {"organization.costs.result"}
    assert {(each.project_id, each.api_key_id, each.amount.currency) for each in results} == {
        (who.project_id, None, "usd")
    }
    assert [(each.line_item, each.quantity, each.quantity_unit, each.amount.value) for each in results] == [
        ("batch | gpt-4o-2024-08-06, input", 100, "tokens", 0.000125),
        ("batch | gpt-4o-2024-08-06, output", 10, "tokens", 0.00005),
        ("dall-e-3, image 1024x1024", 2, "images", 0.08),
        ("gpt-4o-2024-08-06, cached input", 800_000, "tokens", 1.0),
        ("gpt-4o-2024-08-06, input", 1_200_000, "tokens", 3.0),
        ("gpt-4o-2024-08-06, output", 200_000, "tokens", 2.0),
        ("scale tier | gpt-4o-2024-08-06, input", 5, "tokens", 0.0),
        ("whisper-1, audio", 1.5, "duration_seconds", 0.00015),
    ]


@SHARED_LOOP
async def test_without_groups_there_is_one_sum_and_an_empty_day_has_none(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    await who.report(who.delta(), who.delta(DAY + 86400, requests=2))
    first, second, third = await costs(shared, who, days=3)
    # Six tokens of input, four cached ones and five of output.
    amount = {"value": 0.00007, "currency": "usd"}
    expected = dict.fromkeys(("line_item", "project_id", "api_key_id", "quantity", "quantity_unit"))
    assert first == second == [{"object": "organization.costs.result", "amount": amount, **expected}]
    assert third == []


@SHARED_LOOP
async def test_filters_groups_and_pages(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    await who.report(who.delta(), who.delta(DAY + 86400), who.delta(DAY + 2 * 86400))
    for query, count in {
        f"&project_ids={who.project_id}": 1,
        "&project_ids[]=proj_x": 0,
        f"&api_key_ids[]={who.key_id}&api_key_ids[]=key_x": 1,
        "&api_key_ids=key_x": 0,
        "&group_by=line_item": 3,
        "&group_by[]=api_key_id&group_by[]=project_id": 1,
    }.items():
        assert [len(each) for each in await costs(shared, who, query)] == [count], query
    ((grouped,),) = await costs(shared, who, "&group_by[]=api_key_id&group_by[]=project_id")
    assert (grouped["project_id"], grouped["api_key_id"], grouped["quantity"]) == (who.project_id, who.key_id, None)
    path = f"{COSTS}?start_time={DAY}&end_time={DAY + 3 * 86400}&limit=2"
    _, first = await shared.ask("GET", path, key=who.admin_key)
    assert (len(first["data"]), first["has_more"]) == (2, True)
    _, last = await shared.ask("GET", f"{path}&page={first['next_page']}", key=who.admin_key)
    assert [bucket["start_time"] for bucket in last["data"]] == [DAY + 2 * 86400]
    assert (last["has_more"], last["next_page"]) == (False, None)


@SHARED_LOOP
@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("", "missing_required_parameter", "start_time"),
        (f"start_time={DAY}&bucket_width=1h", "invalid_value", "bucket_width"),
        (f"start_time={DAY}&limit=181", "invalid_value", "limit"),
        (f"start_time={DAY}&limit=0", "invalid_value", "limit"),
        (f"start_time={DAY}&group_by=model", "invalid_value", "group_by"),
        (f"start_time={DAY}&models=gpt-4o", "unknown_parameter", "models"),
        (f"start_time={DAY}&page=x", "invalid_value", "page"),
    ],
)
async def test_other_parameters_are_refused(shared: Platform, query: str, code: str, param: str) -> None:
    status, answer = await shared.ask("GET", f"{COSTS}?{query}")
    assert (status, code_of(answer), answer["error"]["param"]) == (400, code, param)


@SHARED_LOOP
@pytest.mark.contract("C18")
async def test_equal_usage_costs_the_same_in_every_region(shared: Platform) -> None:
    found = []
    for region in shared.regions.values():
        who = await consumer(shared, region)
        await who.report(
            who.delta(), who.delta(model="tts-1", endpoint=Endpoint.AUDIO_SPEECH, usage=Usage(characters=7))
        )
        found.append(await costs(shared, who, "&group_by=line_item"))
    assert len(found) == 2
    assert found[0] == found[1]


@SHARED_LOOP
async def test_late_repeated_and_disordered_reports_cost_once(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    for number in (3, 1, 3, 2, 1, 2):
        await who.report(who.delta(usage=Usage(10**number, 0, 0, 0)), number=number)
    ((sum_,),) = await costs(shared, who)
    assert Decimal(str(sum_["amount"]["value"])) == Decimal(1110) * Decimal("0.0000025")


async def test_units_of_the_scale_tier_cost_by_the_day_whether_used_or_not(
    platform: Platform, clock: ShiftedClock
) -> None:
    await platform.enrolled("us")
    now_s = clock.now_ms() // 1000
    # Noon of the next day, so that two days have a part each.
    starts_at = (now_s // 86_400 + 1) * 86_400 + 43_200
    sold, other = (await platform.project())["id"], (await platform.project())["id"]
    dear = {"input_unit_nanodollars_per_day": 20_000_000_000, "output_unit_nanodollars_per_day": 5_000_000_000}
    sale = {"starts_at": starts_at, "ends_at": starts_at + 10 * 86_400, "input_units": 2, "output_units": 4, **dear}
    await platform.entitlement(sold, **sale)
    path = f"{COSTS}?start_time={starts_at - 43_200}&limit=3&group_by=project_id&group_by=line_item"

    async def found(query: str = "") -> list[list[tuple[Any, ...]]]:
        status, answer = await platform.ask("GET", f"{path}{query}")
        assert status == 200, answer
        names = ("project_id", "api_key_id", "line_item", "quantity", "quantity_unit")
        return [
            [(*(each[name] for name in names), each["amount"]["value"]) for each in bucket["results"]]
            for bucket in answer["data"]
        ]

    # Nothing is in force for another hour.
    clock.ahead_ms = (starts_at - 3600 - now_s) * 1000
    assert await found() == [[]]
    # A day and a quarter later: half of the first day, and three quarters of the second.
    clock.ahead_ms += (3600 + 108_000) * 1000
    line = (sold, None, "scale tier | gpt-4o-2024-08-06, units", None, None)
    first, second = await found()
    assert first == [(*line, 30.0)]
    ((*shown, amount),) = second
    assert (tuple(shown), amount) == (line, pytest.approx(45.0, abs=1))
    assert (await found(f"&project_ids={sold}"))[0] == first
    assert await found(f"&project_ids={other}") == [[], []]
    assert await found("&api_key_ids=key_" + "1" * 24) == [[], []]
    day = datetime.datetime.fromtimestamp(starts_at, datetime.UTC).date()
    (line_of_operator,) = (await platform.operate("GET", f"/costs?day={day}"))["data"]
    assert (line_of_operator["quantity"], line_of_operator["quantity_unit"]) == (6 * 43_200_000, "unit_milliseconds")
    assert (line_of_operator["region"], line_of_operator["femtodollars"]) == ("us", 30 * 10**15)
