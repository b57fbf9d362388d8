"""The end of a project: only archived ones, only by the operator, only after seven days, and only once (design 5)."""

import pytest

from domicile.boundary.audit import RegionEvent, RegionEventType
from domicile.boundary.snapshot import Tombstone
from domicile.kernel.ids import new_id
from domicile.persistence.unavailable import DatabaseUnavailableError
from tests.component.control_plane.platform_under_test import Platform, ShiftedClock, code_of
from tests.component.control_plane.region_double import Answer, Held, RegionDouble

DAY_MS = 24 * 3_600_000


async def _archived(platform: Platform) -> str:
    project = await platform.project()
    assert (await platform.ask("POST", f"/v1/organization/projects/{project['id']}/archive"))[0] == 200
    return str(project["id"])


async def _call(platform: Platform, method: str, project_id: str) -> tuple[int, dict[str, object]]:
    path = f"/operator/v1/projects/{project_id}/destroy"
    return await platform.ask(method, path, key=platform.operator_key)


async def _tombstones(platform: Platform, region: RegionDouble) -> list[Tombstone]:
    await platform.running.publisher.publish({region.code: ()})
    held: Held = await region.current()
    return [stone for shard in held.shards for stone in shard.tombstones]


async def _report(region: RegionDouble, project_id: str | None, at_ms: int, exports: tuple[int, ...] = ()) -> Answer:
    return await region.report(RegionEvent(RegionEventType.PROJECT_DESTROYED, at_ms, 1, 1, project_id, exports))


async def _records(platform: Platform) -> list[dict[str, object]]:
    return list((await platform.operate("GET", "/deletion_records"))["data"])


async def test_after_seven_days_the_region_is_told_and_its_word_is_the_record(
    platform: Platform, clock: ShiftedClock
) -> None:
    us, eu = await platform.enrolled("us"), await platform.enrolled("eu")

    async def wait(ms: int) -> None:
        clock.ahead_ms = us.ahead_ms = eu.ahead_ms = ms
        clock.elapsed_s = ms / 1000
        await platform.running.grace.count()

    project_id = await _archived(platform)
    status, begun = await _call(platform, "POST", project_id)
    assert (status, begun["status"], begun["destroyed_at"]) == (200, "pending", None)
    assert int(str(begun["due_at"])) - int(str(begun["requested_at"])) == 7 * 24 * 3600
    assert (await _call(platform, "POST", project_id))[1]["due_at"] == begun["due_at"], "asked twice, begun once"
    await wait(7 * DAY_MS - 60_000)
    assert await _tombstones(platform, us) == []
    assert (await _report(us, project_id, clock.now_ms())).code == "no_tombstone"
    assert await _records(platform) == [begun]

    await wait(7 * DAY_MS + 1000)
    (stone,) = await _tombstones(platform, us)
    assert (stone.project_id, stone.destroyed_at_ms // 1000) == (project_id, begun["due_at"])
    assert await _tombstones(platform, eu) == [], "of this region's projects only"
    assert (await _records(platform))[0]["status"] == "in_progress"
    status, answer = await _call(platform, "DELETE", project_id)
    assert (status, code_of(answer)) == (409, "destruction_begun")

    # Only the region that held it can say so, and its replicas may all say it.
    assert (await _report(eu, project_id, clock.now_ms())).code == "no_tombstone"
    at_ms = clock.now_ms()
    for exports in ((2, 5), ()):
        assert (await _report(us, project_id, at_ms, exports)).status == 200
    (record,) = await _records(platform)
    assert (record["status"], record["destroyed_at"]) == ("destroyed", at_ms // 1000)
    assert (begun["exports"], record["exports"]) == ([], [2, 5]), "exports that could still open old backups"
    (event,) = await platform.audit(query="&event_types[]=project.deleted")
    assert event["project"]["id"] == project_id
    assert (event["actor"], event["project.deleted"]["id"]) == (None, project_id)
    assert event["project.deleted"]["data"]["exports"] == [2, 5]
    assert event["domicile"]["type"] == "region.project_destroyed"
    assert event["domicile"]["region"] == "us"
    await wait(400 * DAY_MS)
    assert len(await _tombstones(platform, us)) == 1, "a region that was away for long must hear of it too"


async def test_a_clock_that_jumps_destroys_nothing(platform: Platform, clock: ShiftedClock) -> None:
    """A jump of the wall clock is no grace; time that goes by is, in pieces."""
    us = await platform.enrolled("us")
    project_id = await _archived(platform)
    await _call(platform, "POST", project_id)
    clock.ahead_ms = us.ahead_ms = 8 * DAY_MS
    await platform.running.grace.count()
    assert await _tombstones(platform, us) == []
    assert (await _records(platform))[0]["status"] == "pending"
    assert (await _report(us, project_id, clock.now_ms())).code == "no_tombstone"
    for _ in range(6):
        clock.elapsed_s += 24 * 3600
        await platform.running.grace.count()
    assert await _tombstones(platform, us) == []
    clock.elapsed_s += 24 * 3600 + 1
    await platform.running.grace.count()
    assert len(await _tombstones(platform, us)) == 1
    clock.ahead_ms = us.ahead_ms = 0
    assert await _tombstones(platform, us) == [], "a clock that was set back takes its word back"


async def test_no_destruction_is_credited_with_time_before_it(
    platform: Platform, clock: ShiftedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was away for long, and the destruction is asked for before the next count."""
    us = await platform.enrolled("us")
    project_id = await _archived(platform)

    def away(**_: object) -> None:
        raise DatabaseUnavailableError("away")

    clock.elapsed_s = 8 * 24 * 3600
    with monkeypatch.context() as patch, pytest.raises(DatabaseUnavailableError):
        patch.setattr(platform.running.database, "transaction", away)
        await platform.running.grace.count()
    await _call(platform, "POST", project_id)
    clock.ahead_ms = us.ahead_ms = 8 * DAY_MS
    await platform.running.grace.count()
    assert await _tombstones(platform, us) == []


async def test_an_active_or_unknown_project_is_not_destroyed(platform: Platform) -> None:
    us = await platform.enrolled("us")
    project = await platform.project()
    status, answer = await _call(platform, "POST", project["id"])
    assert (status, code_of(answer)) == (409, "project_not_archived")
    for method in ("POST", "DELETE"):
        status, answer = await _call(platform, method, new_id("proj_"))
        assert (status, code_of(answer)) == (404, "not_found")
    assert (await _call(platform, "DELETE", project["id"]))[0] == 404, "nothing was asked for"
    assert await _records(platform) == []
    assert await _tombstones(platform, us) == []


async def test_an_administrator_cannot_destroy(platform: Platform) -> None:
    await platform.enrolled("us")
    project_id = await _archived(platform)
    status, answer = await platform.ask("POST", f"/operator/v1/projects/{project_id}/destroy")
    assert (status, code_of(answer)) == (403, "operator_key_required")
    assert await _records(platform) == []


async def test_within_the_grace_it_can_be_cancelled(platform: Platform, clock: ShiftedClock) -> None:
    us = await platform.enrolled("us")
    project_id = await _archived(platform)
    await _call(platform, "POST", project_id)
    status, cancelled = await _call(platform, "DELETE", project_id)
    assert (status, cancelled["status"]) == (200, "cancelled")
    clock.ahead_ms = us.ahead_ms = 8 * DAY_MS
    clock.elapsed_s = 8 * 24 * 3600
    await platform.running.grace.count()
    assert await _tombstones(platform, us) == []
    assert await _records(platform) == []
    cancelled_event, requested, *_ = await platform.audit(query=f"&project_ids[]={project_id}")
    for event, kind in (
        (cancelled_event, "project.destruction_cancelled"),
        (requested, "project.destruction_requested"),
    ):
        assert (event["type"], event["actor"]) == ("project.updated", None)
        assert (event["domicile"]["type"], event["domicile"]["actor"]) == (kind, "operator")
        assert event["project.updated"]["id"] == project_id
