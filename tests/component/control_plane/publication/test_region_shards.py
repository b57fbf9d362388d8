"""What is read again is what has changed: after any change the shards are those that a whole reading gives."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select

from domicile.boundary.snapshot import SNAPSHOT_SCHEMA, ShardReference
from domicile.control_plane import service_checks
from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.database.transactions import Principal, Reader, Reading
from domicile.control_plane.publication import region_shards, shards
from domicile.control_plane.publication.region_shards import RegionShards
from tests.component.control_plane.platform_under_test import Platform, ShiftedClock
from tests.component.control_plane.region_double import RegionDouble

ORGANIZATION = "/v1/organization"
DAY_MS = 24 * 3_600_000
LIMIT = {"threshold_amount": 500, "currency": "USD", "interval": "month"}


def _reader(platform: Platform) -> Reader:
    return Reader(platform.running.database)


async def _whole(platform: Platform, region: str, now_ms: int) -> tuple[ShardReference, ...]:
    fresh = RegionShards(region)
    await fresh.refresh(_reader(platform), now_ms)
    return fresh.references(SNAPSHOT_SCHEMA)


async def _published(region: RegionDouble) -> tuple[ShardReference, ...]:
    return (await region.current()).manifest.shards


async def test_every_change_is_published_as_if_all_had_been_read(
    platform: Platform, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step for each call of the two APIs that changes what a region is told."""
    # The regions report on no check.
    monkeypatch.setattr(service_checks, "PATIENCE_S", 0.05)
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")
    made: dict[str, Any] = {}

    async def ask(method: str, path: str, body: Any = None) -> Any:
        status, answer = await platform.ask(method, path, body)
        assert status == 200, answer
        return answer

    async def create() -> None:
        made["project"] = (await ask("POST", f"{ORGANIZATION}/projects", {"name": "a"}))["id"]
        made["other"] = (await ask("POST", f"{ORGANIZATION}/projects", {"name": "b", "geography": "EU"}))["id"]

    async def account() -> None:
        made["account"] = await ask("POST", f"{_path()}/service_accounts", {"name": "a"})

    async def key() -> None:
        body = {"name": "second"}
        made["key"] = await ask("POST", f"{_path()}/service_accounts/{made['account']['id']}/api_keys", body)

    async def external_key() -> None:
        made["external_key"] = (await platform.external_key())["id"]

    async def external_project() -> None:
        await us.report_check(made["external_key"], 1)
        body = {"name": "c", "external_key_id": made["external_key"]}
        made["external"] = (await ask("POST", f"{ORGANIZATION}/projects", body))["id"]

    async def external_storage() -> None:
        made["storage"] = (await platform.external_storage(made["external"]))["id"]

    async def end_of_external_storage() -> None:
        await ask("POST", f"{ORGANIZATION}/projects/{made['external']}/archive")
        await ask("DELETE", f"{ORGANIZATION}/external_storage/{made['storage']}")

    async def entitlement() -> None:
        made["entitlement"] = (await platform.entitlement(made["project"]))["id"]

    async def destroy() -> None:
        await platform.operate("POST", f"/projects/{made['project']}/destroy")
        clock.ahead_ms = us.ahead_ms = eu.ahead_ms = 8 * DAY_MS
        clock.elapsed_s = 8 * 24 * 3600
        await platform.running.grace.count()
        await platform.running.publisher.publish({"us": (), "eu": ()})

    def _path() -> str:
        return f"{ORGANIZATION}/projects/{made['project']}"

    steps: list[Callable[[], Awaitable[Any]]] = [
        # Before the organization has a project: its shard is published for its key alone.
        external_key,
        lambda: ask("POST", f"{ORGANIZATION}/external_keys/{made['external_key']}/validate"),
        lambda: ask("DELETE", f"{ORGANIZATION}/external_keys/{made['external_key']}"),
        external_key,
        external_project,
        external_storage,
        lambda: ask("POST", f"{ORGANIZATION}/external_storage/{made['storage']}/validate"),
        end_of_external_storage,
        create,
        account,
        key,
        lambda: ask("DELETE", f"{_path()}/service_accounts/{made['account']['id']}/api_keys/{made['key']['id']}"),
        lambda: ask("POST", f"{_path()}/rate_limits/rl_gpt-4o-2024-08-06", {"max_requests_per_1_minute": 5}),
        lambda: ask("POST", f"{_path()}/model_permissions", {"mode": "allow_list", "model_ids": ["gpt-4o"]}),
        lambda: ask("DELETE", f"{_path()}/model_permissions"),
        lambda: ask("POST", f"{_path()}/ip_allowlist", {"allowed_ips": ["10.0.0.0/8"]}),
        lambda: ask("DELETE", f"{_path()}/ip_allowlist"),
        lambda: ask("POST", f"{_path()}/spend_limit", LIMIT),
        lambda: ask("POST", f"{ORGANIZATION}/spend_limit", LIMIT),
        lambda: ask("DELETE", f"{ORGANIZATION}/spend_limit"),
        lambda: ask("POST", f"{_path()}/service_tier_settings", {"default": "standard"}),
        entitlement,
        lambda: platform.operate("DELETE", f"/entitlements/{made['entitlement']}"),
        lambda: ask("POST", f"{_path()}/data_retention", {"retention_type": "zero_data_retention"}),
        lambda: ask("POST", f"{ORGANIZATION}/data_retention", {"retention_type": "zero_data_retention"}),
        lambda: platform.operate("POST", "/organization", {"enhanced_zdr": True}),
        lambda: ask("DELETE", f"{_path()}/service_accounts/{made['account']['id']}"),
        lambda: ask("POST", f"{_path()}/archive"),
        destroy,
    ]
    for number, step in enumerate(steps):
        before = {region.code: await _published(region) for region in (us, eu)}
        await step()
        after = {region.code: await _published(region) for region in (us, eu)}
        assert after != before, f"step {number} changed nothing"
        for code, published in after.items():
            assert published == await _whole(platform, code, clock.now_ms()), f"step {number}, region {code}"


async def test_a_change_moves_its_own_shards_only(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renewal without any change reads none, but for the one whose turn it is."""
    us = await platform.enrolled("us")
    projects = [await platform.project() for _ in range(5)]
    read: list[int] = []
    real = shards.read_shard

    async def recorded(reading: Reading, region: str, index: int, ids: Any, now_ms: int, budgets: Any) -> Any:
        read.append(index)
        return await real(reading, region, index, ids, now_ms, budgets)

    monkeypatch.setattr(region_shards, "read_shard", recorded)
    monkeypatch.setattr(region_shards, "REREAD_EVERY_S", 3600.0)
    await platform.running.publisher.publish({"us": ()})
    assert read == []
    await platform.account(projects[0]["id"])
    assert len(read) == 1
    assert len(await _published(us)) >= 2


async def test_what_nothing_names_is_right_after_its_turn(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await platform.enrolled("us")
    project = await platform.project()
    await platform.account(project["id"])
    monkeypatch.setattr(region_shards, "REREAD_EVERY_S", 0.0)
    kept = RegionShards("us")
    now_ms = 1
    await kept.refresh(_reader(platform), now_ms)
    before = kept.references(SNAPSHOT_SCHEMA)
    # Nobody names this one: it does not come through a change.
    async with platform.running.database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        await connection.exec_driver_sql("UPDATE api_key SET revoked_at_ms = 1")
    for _ in range(64):
        await kept.refresh(_reader(platform), now_ms)
    after = kept.references(SNAPSHOT_SCHEMA)
    assert after != before
    assert after == await _whole(platform, "us", now_ms)


async def test_a_reading_that_fails_loses_no_change(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    await platform.enrolled("us")
    project = await platform.project()
    kept = RegionShards("us")

    async def broken(*_arguments: Any) -> Any:
        raise OSError

    for _ in ("the first reading", "a later one"):
        kept.touch([project["id"]])
        with monkeypatch.context() as patch:
            patch.setattr(region_shards, "read_shard", broken)
            with pytest.raises(OSError):
                await kept.refresh(_reader(platform), 1)
        await kept.refresh(_reader(platform), 1)
        assert kept.references(SNAPSHOT_SCHEMA) == await _whole(platform, "us", 1)
        await platform.account(project["id"])


async def test_a_change_that_meets_a_view_that_has_begun_is_not_lost(platform: Platform) -> None:
    """PostgreSQL takes its view before anything is read: a key that is revoked in this instant is still live there."""
    await platform.enrolled("us")
    project = await platform.project()
    account = await platform.account(project["id"])
    kept = RegionShards("us")
    await kept.refresh(_reader(platform), 1)

    class Overtaken(Reader):
        """The view begins, and only then is the key revoked."""

        @asynccontextmanager
        async def reading(self, principal: Principal) -> AsyncIterator[Reading]:
            async with super().reading(principal) as view:
                await view.first(select(tables.api_key.c.id))
                path = f"{ORGANIZATION}/projects/{project['id']}/service_accounts/{account['id']}"
                assert (await platform.ask("DELETE", path))[0] == 200
                kept.touch([project["id"]])
                yield view

    await kept.refresh(Overtaken(platform.running.database), 1)
    await kept.refresh(_reader(platform), 1)
    assert kept.references(SNAPSHOT_SCHEMA) == await _whole(platform, "us", 1)
