"""Usage: counted once, of one's own region only, and summed as the official client reads it."""

import time
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from domicile.boundary.usage import ServiceTier, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.kernel.ids import new_id
from tests.component.control_plane.platform_under_test import SHARED_LOOP, Platform, code_of
from tests.component.control_plane.usage.consumer import DAY, consumer, sums

USAGE = "/v1/organization/usage/completions"


@SHARED_LOOP
async def test_the_official_client_reads_what_a_region_reported(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    assert msgspec.json.decode((await who.report(who.delta(), who.delta(DAY + 7200))).body) == {"new": True}
    page = await shared.sdk(who.admin_key).admin.organization.usage.completions(
        start_time=DAY, end_time=DAY + 86400, bucket_width="1h", group_by=["project_id", "model"]
    )
    assert (page.object, page.has_more, page.next_page) == ("page", False, None)
    assert [len(bucket.results) for bucket in page.data] == [1, 0, 1] + [0] * 21
    assert [bucket.start_time for bucket in page.data] == list(range(DAY, DAY + 86400, 3600))
    result = page.data[0].results[0]
    assert result.object == "organization.usage.completions.result"
    assert (result.input_tokens, result.output_tokens, result.num_model_requests) == (10, 5, 1)
    assert (result.input_cached_tokens, result.project_id, result.model) == (4, who.project_id, "gpt-4o-2024-08-06")
    assert (result.api_key_id, result.user_id, result.batch, result.service_tier) == (None, None, None, None)


@SHARED_LOOP
async def test_a_report_counts_once_and_a_minute_may_come_in_parts(shared: Platform) -> None:
    us = shared.regions["us"]
    who = await consumer(shared, us)
    assert (await who.report(who.delta(), number=1)).body == b'{"new":true}'
    assert (await who.report(who.delta(), number=1)).body == b'{"new":false}'
    assert [each["input_tokens"] for each in await sums(shared, who)] == [10]
    assert (await who.report(who.delta(), who.delta(requests=2), number=2)).body == b'{"new":true}'
    # Another writer has numbers of its own.
    who.writer = new_id("wr_")
    assert (await who.report(who.delta(), number=1)).body == b'{"new":true}'
    (result,) = await sums(shared, who)
    assert (result["input_tokens"], result["num_model_requests"], result["output_reasoning_tokens"]) == (40, 5, 8)


@SHARED_LOOP
async def test_a_region_reports_its_own_usage_only(shared: Platform) -> None:
    us, eu = shared.regions["us"], shared.regions["eu"]
    american, european = await consumer(shared, us), await consumer(shared, eu)
    stranger = await consumer(shared, us)
    foreign = [
        american.delta(
            project_id=european.project_id, key_id=european.key_id, organization_id=european.organization_id
        ),
        american.delta(organization_id=european.organization_id),
        american.delta(key_id=stranger.key_id),
        american.delta(project_id=stranger.project_id),
        american.delta(key_id=new_id("key_")),
    ]
    for delta in foreign:
        answer = await american.report(american.delta(), delta)
        assert (answer.status, answer.code) == (403, "foreign_usage")
    answer = await american.report(american.delta(), region="eu")
    assert (answer.status, answer.code) == (403, "wrong_region")
    # Of a refused report nothing counts, and its number is free again.
    assert await sums(shared, american) == []
    assert (await american.report(american.delta(), number=1)).body == b'{"new":true}'
    assert [each["input_tokens"] for each in await sums(shared, american)] == [10]
    assert await sums(shared, european) == []


@SHARED_LOOP
async def test_usage_of_a_key_that_has_been_revoked_since_still_counts(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    projects = shared.sdk(who.admin_key).admin.organization.projects
    await projects.api_keys.delete(who.key_id, project_id=who.project_id)
    await projects.archive(who.project_id)
    assert (await who.report(who.delta())).status == 200
    assert len(await sums(shared, who)) == 1


@SHARED_LOOP
async def test_filters_and_groups(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    await who.report(
        who.delta(),
        who.delta(batch=True),
        who.delta(model="gpt-4o-mini-2024-07-18", endpoint=Endpoint.COMPLETIONS),
        who.delta(tier=ServiceTier.SCALE, fine_tuned_model=new_id("ftm_")),
        # Not completions: OpenAI has other calls for these.
        who.delta(model="text-embedding-3-small", endpoint=Endpoint.EMBEDDINGS),
    )
    assert [each["num_model_requests"] for each in await sums(shared, who)] == [4]
    for query, requests in {
        f"&project_ids={who.project_id}": [4],
        f"&project_ids[]={who.project_id}&project_ids[]=proj_x": [4],
        "&project_ids=proj_x": [],
        f"&api_key_ids[]={who.key_id}": [4],
        "&api_key_ids[]=key_x": [],
        "&models=gpt-4o-mini-2024-07-18": [1],
        "&models[]=gpt-4o-mini-2024-07-18&models[]=gpt-4o-2024-08-06": [4],
        "&user_ids=user-x": [],
        "&batch=true": [1],
        "&batch=false": [3],
        "&group_by=batch": [3, 1],
        "&group_by=service_tier": [3, 1],
        "&group_by[]=batch&group_by[]=service_tier": [2, 1, 1],
        "&group_by[]=model&group_by[]=model": [3, 1],
        "&group_by=user_id": [4],
        "&group_by=api_key_id": [4],
    }.items():
        assert [each["num_model_requests"] for each in await sums(shared, who, query)] == requests, query
    grouped = await sums(shared, who, "&group_by[]=batch&group_by[]=service_tier&group_by[]=api_key_id")
    assert [(each["batch"], each["service_tier"]) for each in grouped] == [
        (False, "default"),
        (False, "scale"),
        (True, "default"),
    ]
    assert {each["api_key_id"] for each in grouped} == {who.key_id}


@SHARED_LOOP
async def test_pages_and_edges(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    await who.report(who.delta(DAY - 60), who.delta(DAY), who.delta(DAY + 86399), who.delta(DAY + 86400))
    assert [each["num_model_requests"] for each in await sums(shared, who)] == [2]

    async def ask(query: str) -> Any:
        status, answer = await shared.ask("GET", f"{USAGE}?{query}", key=who.admin_key)
        assert status == 200, answer
        return answer

    page = await ask(f"start_time={DAY - 60}&end_time={DAY + 86460}&limit=2")
    assert [(each["start_time"], each["end_time"]) for each in page["data"]] == [(DAY - 60, DAY), (DAY, DAY + 86400)]
    assert page["has_more"] is True
    page = await ask(f"start_time={DAY - 60}&end_time={DAY + 86460}&limit=2&page={page['next_page']}")
    assert [(each["start_time"], each["end_time"]) for each in page["data"]] == [(DAY + 86400, DAY + 86460)]
    assert (page["data"][0]["results"][0]["num_model_requests"], page["has_more"], page["next_page"]) == (
        1,
        False,
        None,
    )
    assert len((await ask(f"start_time={DAY - 86400 * 30}&end_time={DAY + 86400}"))["data"]) == 7
    assert len((await ask(f"start_time={DAY}&end_time={DAY + 86400}&bucket_width=1m"))["data"]) == 60
    assert len((await ask(f"start_time={DAY}&end_time={DAY + 86400 * 9}&bucket_width=1h"))["data"]) == 24


@SHARED_LOOP
@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("", "start_time"),
        ("start_time=x", "start_time"),
        (f"start_time={DAY}&end_time={DAY}", "end_time"),
        (f"start_time={DAY}&bucket_width=2d", "bucket_width"),
        (f"start_time={DAY}&limit=32", "limit"),
        (f"start_time={DAY}&limit=169&bucket_width=1h", "limit"),
        (f"start_time={DAY}&limit=1441&bucket_width=1m", "limit"),
        (f"start_time={DAY}&group_by=colour", "group_by"),
        (f"start_time={DAY}&group_by[]=api_source", "group_by"),
        (f"start_time={DAY}&batch=maybe", "batch"),
        (f"start_time={DAY}&page=page_x", "page"),
        (f"start_time={DAY}&page=page_1", "page"),
        (f"start_time={DAY}&page=2", "page"),
        (f"start_time={DAY}&colour=red", "colour"),
    ],
)
async def test_a_wrong_question_is_refused(shared: Platform, query: str, param: str) -> None:
    status, answer = await shared.ask("GET", f"{USAGE}?{query}")
    assert (status, answer["error"]["param"]) == (400, param)
    assert code_of(answer)


@SHARED_LOOP
async def test_without_an_end_it_reaches_to_now(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    now = int(time.time())
    await who.report(who.delta(now))
    status, page = await shared.ask(
        "GET", f"{USAGE}?start_time={now - 60}&bucket_width=1m&group_by=project_id", key=who.admin_key
    )
    assert status == 200
    assert [result["num_model_requests"] for bucket in page["data"] for result in bucket["results"]] == [1]


@SHARED_LOOP
async def test_the_sum_of_the_table_is_the_sum_of_the_reports(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    for number in (1, 2, 2, 3, 1):
        await who.report(*(who.delta(DAY + 60 * each) for each in range(5)), number=number)
    async with shared.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        query = text("SELECT count(*), sum(requests) FROM usage_minute WHERE project_id = :id")
        row = (await connection.execute(query, {"id": who.project_id})).one()
    assert tuple(row) == (5, 15)


@SHARED_LOOP
@pytest.mark.parametrize("width", ["1m", "1h", "1d"])
async def test_a_start_in_the_future_finds_nothing(shared: Platform, width: str) -> None:
    start = int(time.time()) + 3 * 86400 + 7
    status, page = await shared.ask("GET", f"{USAGE}?start_time={start}&bucket_width={width}")
    assert (status, page["data"], page["has_more"], page["next_page"]) == (200, [], False, None)


@SHARED_LOOP
async def test_a_model_that_is_not_in_the_catalogue_is_no_model(shared: Platform) -> None:
    """Its name is a text, and no text of a region's choice may cross. An alias is no snapshot either."""
    who = await consumer(shared, shared.regions["us"])
    for model in ("the-patient-is-called-jane", "gpt-4o"):
        answer = await who.report(who.delta(), who.delta(model=model))
        assert (answer.status, answer.code) == (403, "unknown_model")
    assert await sums(shared, who) == []


@SHARED_LOOP
@pytest.mark.parametrize("quantity", ["requests", "input_tokens", "audio_milliseconds"])
async def test_no_report_makes_a_sum_overflow(shared: Platform, quantity: str) -> None:
    """Two of 2^63 - 1 once made a column of SQLite a floating-point number."""
    who = await consumer(shared, shared.regions["us"])

    def delta(count: int) -> UsageDelta:
        return who.delta(requests=count) if quantity == "requests" else who.delta(usage=Usage(**{quantity: count}))

    refused = await who.report(delta(2**63 - 1))
    assert refused.status == 400
    for _ in range(3):
        assert (await who.report(delta(2**40), delta(2**40))).status == 200
    async with shared.running.database.reading(rows_of=EVERY_ORGANIZATION) as connection:
        query = text(f"SELECT {quantity} FROM usage_minute WHERE key_id = :key")
        (stored,) = (await connection.execute(query, {"key": who.key_id})).scalars()
    assert stored == 2**40
    assert isinstance(stored, int)


@SHARED_LOOP
async def test_a_minute_that_cannot_be_true_is_booked_to_now(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    now = int(time.time())
    answer = await who.report(who.delta(0), who.delta(now + 40 * 86400), who.delta(now - 500 * 86400))
    assert answer.status == 200
    status, page = await shared.ask("GET", f"{USAGE}?start_time={now - 120}&bucket_width=1d", key=who.admin_key)
    assert status == 200
    assert sum(each["num_model_requests"] for bucket in page["data"] for each in bucket["results"]) == 3
    assert (await who.report(who.delta(minute=2**33))).status == 400


@SHARED_LOOP
async def test_a_key_was_last_used_in_the_latest_minute_that_was_reported(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    path = f"/v1/organization/projects/{who.project_id}/api_keys/{who.key_id}"

    async def last_used() -> int | None:
        return (await shared.ask("GET", path, key=who.admin_key))[1]["last_used_at"]  # type: ignore[no-any-return]

    assert await last_used() is None
    await who.report(who.delta(DAY + 90), who.delta(DAY))
    assert await last_used() == DAY + 60
    # A late report of an earlier minute.
    await who.report(who.delta(DAY - 600))
    assert await last_used() == DAY + 60
    await who.report(who.delta(DAY + 7200))
    assert await last_used() == DAY + 7200


async def test_an_admin_key_was_last_used_when_it_was_accepted(platform: Platform) -> None:
    keys = platform.sdk().admin.organization.admin_api_keys
    (key,) = (await keys.list()).data
    assert key.last_used_at is None
    await platform.running.admin_key_uses.write()
    (key,) = (await keys.list()).data
    assert key.last_used_at is not None
