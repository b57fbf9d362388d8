"""Spending limits as the official client sets them, and as they go down to the regions."""

import time
from typing import Any

import msgspec
import openai
import pytest
from sqlalchemy import select

from domicile.boundary import protocol
from domicile.boundary.snapshot import SignedManifest, SnapshotQuery
from domicile.boundary.snapshot_v2 import SCHEMA_2
from domicile.boundary.spending import SpendingLimit, month_of, month_start_ms
from domicile.boundary.usage import Usage
from domicile.control_plane.database import tables
from domicile.control_plane.publication.publisher import Publisher
from tests.component.control_plane.platform_under_test import CATALOGUE, SHARED_LOOP, Platform, code_of
from tests.component.control_plane.usage.consumer import Consumer, consumer

CENT = 10_000_000
TERMS: Any = {"currency": "USD", "interval": "month"}


def now_s() -> int:
    return int(time.time())


@SHARED_LOOP
async def test_the_official_client_sets_reads_replaces_and_deletes_limits(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    organization = shared.sdk(who.admin_key).admin.organization
    whole: Any = organization.spend_limit
    with pytest.raises(openai.NotFoundError):
        await whole.retrieve()
    made = await whole.update(threshold_amount=10_000, **TERMS)
    assert made.model_dump() == {
        "object": "organization.spend_limit",
        "threshold_amount": 10_000,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "enforcing"},
    }
    assert await whole.update(threshold_amount=7, **TERMS) == await whole.retrieve()
    own: Any = organization.projects.spend_limit
    assert (await own.update(who.project_id, threshold_amount=5, **TERMS)).object == "project.spend_limit"
    assert ((await own.retrieve(who.project_id)).threshold_amount, (await whole.retrieve()).threshold_amount) == (5, 7)
    assert (await own.delete(who.project_id)).model_dump() == {"object": "project.spend_limit.deleted", "deleted": True}
    with pytest.raises(openai.NotFoundError):
        await own.delete(who.project_id)
    assert (await whole.delete()).object == "organization.spend_limit.deleted"


@SHARED_LOOP
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"threshold_amount": 0}, "threshold_amount"),
        ({"threshold_amount": 1.5}, "threshold_amount"),
        ({"currency": "EUR"}, "currency"),
        ({"interval": "day"}, "interval"),
        ({"other": 1}, "other"),
    ],
)
async def test_other_bodies_are_refused(shared: Platform, change: dict[str, Any], param: str) -> None:
    body = {"threshold_amount": 5, **TERMS, **change}
    status, answer = await shared.ask("POST", "/v1/organization/spend_limit", body)
    assert (status, answer["error"]["param"]) == (400, param)


async def in_two_regions(platform: Platform) -> tuple[Consumer, Consumer]:
    """Two projects of one organization, one in each region."""
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    american = await consumer(platform, us)
    organization = platform.sdk(american.admin_key).admin.organization
    project = await organization.projects.create(name="p", residency="EU_STORAGE_PROCESSING")
    account = await organization.projects.service_accounts.create(project.id, name="a")
    assert account.api_key is not None
    european = Consumer(
        eu, american.organization_id, project.id, account.api_key.id, american.writer, american.admin_key
    )
    return american, european


async def renewed(publisher: Publisher) -> None:
    await publisher.publish(dict.fromkeys(publisher.region_codes, ()))


async def test_limits_go_down_with_what_was_spent_in_other_regions(platform: Platform) -> None:
    american, european = await in_two_regions(platform)
    key = american.admin_key
    month = month_of(now_s() * 1000)
    await platform.ask("POST", "/v1/organization/spend_limit", {"threshold_amount": 100, **TERMS}, key=key)
    path = f"/v1/organization/projects/{american.project_id}/spend_limit"
    await platform.ask("POST", path, {"threshold_amount": 50, **TERMS}, key=key)
    # 30 cents of output in the US, 10 in Europe.
    await american.report(american.delta(now_s(), usage=Usage(output_tokens=30_000)))
    await european.report(european.delta(now_s(), usage=Usage(output_tokens=10_000)))
    await renewed(platform.running.publisher)
    for who, elsewhere in ((american, 10), (european, 30)):
        held = await who.region.current()
        organization = held.organizations[who.organization_id]
        assert organization.spending == SpendingLimit(100 * CENT, month, elsewhere * CENT)
    project = (await american.region.current()).projects[american.project_id]
    assert project.spending == SpendingLimit(50 * CENT, month, 0)
    assert (await european.region.current()).projects[european.project_id].spending is None


@pytest.mark.contract("C18")
async def test_every_region_computes_with_the_control_planes_prices(platform: Platform) -> None:
    """No region has a price list of its own that could differ."""
    regions = [await platform.enrolled(code) for code in ("us", "eu")]
    found = [(await region.current()).manifest.prices for region in regions]
    assert found == [CATALOGUE.prices.prices] * 2


async def test_a_report_alone_changes_no_shard(platform: Platform) -> None:
    american, european = await in_two_regions(platform)
    limit = {"threshold_amount": 100, **TERMS}
    await platform.ask("POST", "/v1/organization/spend_limit", limit, key=american.admin_key)
    before = (await european.region.current()).manifest.shards
    await american.report(american.delta(now_s(), usage=Usage(output_tokens=30_000)))
    assert (await european.region.current()).manifest.shards == before
    await renewed(platform.running.publisher)
    assert (await european.region.current()).manifest.shards != before


@pytest.mark.parametrize("owner", ["project", "organization"])
async def test_an_older_region_loses_the_project_whose_limit_is_reached(platform: Platform, owner: str) -> None:
    """It knows no limit, so the project is disabled there until the limit is raised."""
    american, _ = await in_two_regions(platform)
    path = "/v1/organization" + (f"/projects/{american.project_id}" if owner == "project" else "")
    publisher = platform.running.publisher

    async def is_served() -> bool:
        await renewed(publisher)
        return american.project_id.encode() in b"".join(_shards_of_schema_2(publisher))

    await platform.ask("POST", f"{path}/spend_limit", {"threshold_amount": 10, **TERMS}, key=american.admin_key)
    assert await is_served()
    await american.report(american.delta(now_s(), usage=Usage(output_tokens=10_000)))
    assert not await is_served()
    await platform.ask("POST", f"{path}/spend_limit", {"threshold_amount": 11, **TERMS}, key=american.admin_key)
    assert await is_served()


def _shards_of_schema_2(publisher: Publisher) -> list[bytes]:
    shards = publisher._shards["us"]
    return [shards.bodies()[reference.sha256] for reference in shards.references(SCHEMA_2)]


async def test_an_older_region_gets_no_prices(platform: Platform) -> None:
    us = await platform.enrolled("us")
    for schemas, has_prices in (((2,), False), ((2, 3), True)):
        query = msgspec.json.encode(SnapshotQuery(0, 0, schemas))
        answer = await us.call("POST", protocol.SNAPSHOT, query)
        signed = msgspec.json.decode(answer.body, type=SignedManifest)
        assert (b'"prices"' in signed.manifest) is has_prices


@SHARED_LOOP
async def test_spending_of_a_month_is_the_cost_of_its_usage(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    start = month_start_ms(month_of(now_s() * 1000)) // 1000
    # A cached token of gpt-4o-mini in a batch costs 37.5 nanodollars: the rest below one is kept.
    tiny = {"model": "gpt-4o-mini-2024-07-18", "batch": True, "usage": Usage(1, 1)}
    for number in (1, 1, 2, 2, 3):
        await who.report(
            who.delta(start, **tiny), who.delta(start - 1, **tiny), who.delta(start, **tiny), number=number
        )
    async with shared.running.database.reading(rows_of="*") as connection:
        table = tables.spending
        rows = (await connection.execute(select(table).where(table.c.project_id == who.project_id))).all()
    assert {row.month: (row.nanodollars, row.femtodollars) for row in rows} == {
        month_of(start * 1000): (225, 0),
        month_of(start * 1000) - 1: (112, 500_000),
    }


@SHARED_LOOP
async def test_an_archived_project_gets_no_limit(shared: Platform) -> None:
    who = await consumer(shared, shared.regions["us"])
    await shared.sdk(who.admin_key).admin.organization.projects.archive(who.project_id)
    path = f"/v1/organization/projects/{who.project_id}/spend_limit"
    status, answer = await shared.ask("POST", path, {"threshold_amount": 5, **TERMS}, key=who.admin_key)
    assert (status, code_of(answer)) == (400, "project_archived")
