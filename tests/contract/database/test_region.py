"""A region's repositories on both databases; on PostgreSQL also what several replicas do to each other."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from tests.contract.database.conftest import Open
from tests.platform.postgresql import PostgresServer
from tests.unit.data_plane.metering.entries import events_in, in_ledger, in_outbox, ledger_entry, requests_in
from tests.unit.data_plane.region_parts import INSTALLATION, NOW_MS, Publisher, SetClock, region_settings

from domicile.boundary.audit import RegionEventType
from domicile.boundary.enrollment import EnrollmentToken
from domicile.boundary.signing import public_key_bytes
from domicile.boundary.usage import UsageReport
from domicile.data_plane.identity import IdentityRepository
from domicile.data_plane.metering import unreported
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import DELTAS_OF_A_REPORT, MeteringRepository, OutboxRow, Reported
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError
from domicile.persistence.database import Database

FIRST, SECOND, THIRD = ("wr_" + letter * 24 for letter in "ABC")
GAP, STARTED = RegionEventType.METERING_GAP, RegionEventType.STARTED


def new_meter(database: Database, writer: str, *, report_every_s: float = 0) -> Meter:
    return Meter(
        MeteringRepository(database),
        CurrentSnapshot(),
        region="eu",
        writer=writer,
        clock=SetClock(),
        durable=False,
        report_every_s=report_every_s,
    )


async def silence(database: Database, writer: str) -> None:
    """As if nothing had been heard of the writer since 1970."""
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE metering_writer SET seen_at_ms = 0 WHERE writer = :w"), {"w": writer})


def numbers(rows: list[OutboxRow]) -> list[tuple[str, int]]:
    return [(row.writer, row.number) for row in rows]


async def test_ledger_and_outbox(databases: Open) -> None:
    database = await databases("metering")
    meter = new_meter(database, FIRST)
    await meter.start()
    await meter.flush()
    for number in range(600):
        meter.record(ledger_entry(f"req_{number}"))
    await meter.flush()
    reports = await in_outbox(database)
    assert requests_in(reports) == len(await in_ledger(database)) == 600
    assert [report.number for report, _ in reports] == [1, 2]
    for number in (600, 601):
        meter.record(ledger_entry(f"req_{number}"))
        await meter.flush()
    repository = MeteringRepository(database)
    waiting = await repository.waiting(FIRST, 10)
    assert numbers(waiting) == [(FIRST, number) for number in (1, 2, 3, 4)]
    await repository.refused(waiting[0], "wrong_region")
    for row in (waiting[1], waiting[1], waiting[3]):
        await repository.confirmed(row)
    assert numbers(await repository.waiting(FIRST, 10)) == [(FIRST, 3)]
    assert [code for _, code in await in_outbox(database)] == ["wrong_region", None]


async def test_entries_that_come_again_after_an_unknown_end_change_nothing(databases: Open) -> None:
    database = await databases("metering")
    repository = MeteringRepository(database)
    await repository.open_writer(FIRST, NOW_MS)
    entries = [ledger_entry(f"req_{number}") for number in range(3)]
    for count in (2, 3):
        await repository.append(FIRST, 1, entries[:count])
    assert len(await in_ledger(database)) == 3
    reported = await repository.report("eu", FIRST, 0, (), with_usage=True)
    assert reported == Reported(1, is_all=True)
    assert requests_in(await in_outbox(database)) == 3


async def test_what_failed_is_reported_again_exactly_as_it_was(databases: Open) -> None:
    """The first attempt was committed and its answer was lost: what came since goes under the next number."""
    database = await databases("metering")
    meter = new_meter(database, FIRST)
    await meter.start()
    repository = meter._repository
    report = repository.report

    async def committed_but_lost(*arguments: Any, **named: Any) -> None:
        await report(*arguments, **named)
        raise OSError("the connection broke during the commit")

    repository.report = committed_but_lost  # type: ignore[method-assign, assignment]
    meter.record(ledger_entry("req_1"))
    with pytest.raises(OSError, match="broke"):
        await meter.flush()
    repository.report = report  # type: ignore[method-assign]
    meter.record(ledger_entry("req_2"))
    meter.event(GAP)
    await meter.flush()
    reports = await in_outbox(database)
    assert [report.number for report, _ in reports] == [1, 2, 3, 4]
    assert requests_in(reports) == len(await in_ledger(database)) == 2
    assert events_in(reports) == [STARTED, GAP]


async def test_what_a_killed_writer_has_not_reported_is_reported_once_by_another(
    databases: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = await databases("metering")
    repository = MeteringRepository(database)
    killed = new_meter(database, FIRST, report_every_s=3600)
    await killed.start()
    killed.record(ledger_entry("req_0"))
    await killed.flush()
    monkeypatch.setattr(unreported, "ENTRIES_AT_ONCE", 512)
    count = 512 + 7
    for number in range(1, count):
        killed.record(ledger_entry(f"req_{number}", key_id=f"key_{number % 300:024}"))
    await killed.flush()
    assert requests_in(await in_outbox(database)) == 1, "the first report was due, the next is not"
    if database.is_shared:
        await silence(database, FIRST)
    for writer in (SECOND, THIRD):
        following = new_meter(database, writer)
        await following.start()
        await following.heartbeat_now()
        await following.flush()
        following.record(ledger_entry(f"by {writer}"))
        await following.flush()
        await repository.close_writer(writer, NOW_MS)
    reports = await in_outbox(database)
    assert requests_in(reports) == len(await in_ledger(database)) == count + 2
    usage = [report for report, _ in reports if isinstance(report, UsageReport)]
    assert max(len(report.deltas) for report in usage) <= DELTAS_OF_A_REPORT
    assert events_in(reports).count(GAP) == 1


async def test_a_writer_that_was_taken_for_dead_reports_only_what_nobody_has(
    databases: Open, postgresql: PostgresServer
) -> None:
    database = await databases("metering", postgresql.database())
    slow, sibling = new_meter(database, FIRST, report_every_s=3600), new_meter(database, SECOND)
    for meter in (slow, sibling):
        await meter.start()
        await meter.flush()
    for number in range(5):
        slow.record(ledger_entry(f"req_{number}"))
        await slow.flush()
    await silence(database, FIRST)
    await sibling.heartbeat_now()
    await sibling.flush()
    slow.record(ledger_entry("req_5"))
    slow.report_soon()
    await slow.flush()
    reports = await in_outbox(database)
    assert requests_in(reports) == len(await in_ledger(database)) == 6


async def test_on_a_file_an_unclosed_writer_was_killed(databases: Open, request: pytest.FixtureRequest) -> None:
    database = await databases("metering")
    repository = MeteringRepository(database)
    assert await repository.open_writer(FIRST, NOW_MS) == 0
    # On a server another replica may be alive, so nobody is dead before it was silent.
    assert await repository.open_writer(SECOND, NOW_MS) == (0 if database.is_shared else 1)
    assert await repository.open_writer(THIRD, NOW_MS) == (0 if database.is_shared else 1)


async def test_a_silent_writer_is_reported_by_one_of_its_siblings(databases: Open, postgresql: PostgresServer) -> None:
    url = postgresql.database()
    database, other = await databases("metering", url), await databases("metering", url)
    repositories = [MeteringRepository(database), MeteringRepository(other)]
    for writer in (FIRST, SECOND, THIRD):
        await repositories[0].open_writer(writer, NOW_MS)
    await repositories[0].append(FIRST, 1, [ledger_entry("of the dead")])
    await repositories[0].report("eu", FIRST, 0, (), with_usage=True)
    assert await repositories[1].waiting(THIRD, 10) == []
    await silence(database, FIRST)
    found = await asyncio.gather(
        repositories[0].heartbeat(SECOND, NOW_MS),
        repositories[1].heartbeat(THIRD, NOW_MS),
        repositories[1].heartbeat(THIRD, NOW_MS),
    )
    assert sorted(found) == [0, 0, 1]
    # What it has left goes with the others' reports, and each may confirm it.
    for repository, writer in zip(repositories, (SECOND, THIRD), strict=True):
        assert numbers(await repository.waiting(writer, 10)) == [(FIRST, 1)]
    [row] = await repositories[0].waiting(SECOND, 10)
    await asyncio.gather(*(repository.confirmed(row) for repository in repositories))
    assert await repositories[0].waiting(SECOND, 10) == []


async def test_a_writer_that_was_only_slow_is_open_again_and_can_be_missed_again(
    databases: Open, postgresql: PostgresServer
) -> None:
    database = await databases("metering", postgresql.database())
    repository = MeteringRepository(database)
    for writer in (FIRST, SECOND):
        await repository.open_writer(writer, NOW_MS)
    for _ in range(2):
        await silence(database, FIRST)
        assert await repository.heartbeat(SECOND, NOW_MS) == 1
        assert await repository.heartbeat(SECOND, NOW_MS) == 0
        assert await repository.heartbeat(FIRST, NOW_MS) == 0
    await repository.close_writer(FIRST, NOW_MS)
    await silence(database, FIRST)
    assert await repository.heartbeat(SECOND, NOW_MS) == 0


async def test_the_processes_of_a_region_see_each_other(databases: Open, postgresql: PostgresServer) -> None:
    database = await databases("metering", postgresql.database())
    repository = MeteringRepository(database)
    for writer in (FIRST, SECOND, THIRD):
        await repository.open_writer(writer, NOW_MS)
    assert await repository.live_writers() == 3
    await repository.close_writer(THIRD, NOW_MS)
    assert await repository.live_writers() == 2
    # Killed: nobody has closed it yet.
    await silence(database, FIRST)
    assert await repository.live_writers() == 1


async def test_the_meter_shows_life_and_tells_of_the_gap(databases: Open, postgresql: PostgresServer) -> None:
    database = await databases("metering", postgresql.database())
    await MeteringRepository(database).open_writer(FIRST, NOW_MS)
    meter = new_meter(database, SECOND)
    await meter.start()
    await silence(database, FIRST)
    await silence(database, SECOND)
    running = asyncio.create_task(meter.run())
    async with asyncio.timeout(20):
        while GAP not in (events := events_in(await in_outbox(database))):
            await asyncio.sleep(0.02)
    meter.stop()
    await running
    assert events.count(GAP) == 1
    async with database.reading() as connection:
        seen = "SELECT seen_at_ms, closed_at_ms FROM metering_writer WHERE writer = :w"
        row = (await connection.execute(text(seen), {"w": SECOND})).one()
    assert row.seen_at_ms > 0
    assert row.closed_at_ms == NOW_MS


async def test_a_root_key_is_succeeded_once_and_by_the_trusted_one_only(databases: Open, tmp_path: Path) -> None:
    """Together with the snapshot, on a file and on a server; what the one before certified is not saved after it."""
    database = await databases("region")
    identities, repository = IdentityRepository(database), SnapshotRepository(database)
    first, second = Publisher(), Publisher(serial=3)
    one, two = first.enrollment.root_key, second.enrollment.root_key
    assert one is not None
    await identities.open(region_settings(tmp_path), Ed25519PrivateKey.generate())
    await identities.record_enrollment(EnrollmentToken(INSTALLATION, "eu", one, 1, b"s" * 32), NOW_MS)
    await repository.save(first.publish([]), {}, Position(1, 1, 1), root_key=one)
    with pytest.raises(SnapshotRefusedError):
        await repository.save(second.publish([]), {}, Position(3, 1, 2), root_key=two, succeeds=b"n" * 32)
    assert (await repository.trusted(), await repository.load()) == ((one, 1), (first.publish([]), {}))
    # Both replicas are led on at the same time; whoever comes second finds it done.
    for _ in range(2):
        await repository.save(second.publish([]), {}, Position(3, 1, 2), root_key=two, succeeds=one)
        assert (await repository.trusted(), await repository.load()) == ((two, 3), (second.publish([]), {}))
    with pytest.raises(SnapshotRefusedError):
        await repository.save(first.publish([]), {}, Position(9, 9, 9), root_key=one)
    with pytest.raises(SnapshotRefusedError):
        await repository.save(first.publish([]), {}, Position(9, 9, 9), root_key=b"f" * 32, succeeds=one)
    assert (await repository.trusted(), await repository.load()) == ((two, 3), (second.publish([]), {}))


async def test_a_region_that_trusts_somebody_else_can_be_enrolled_again(databases: Open, tmp_path: Path) -> None:
    """By the two statements of docs/snapshots.md, whatever serial it has seen."""
    database = await databases("region")
    identities, repository = IdentityRepository(database), SnapshotRepository(database)
    key, thief, right = Ed25519PrivateKey.generate(), Publisher(serial=2**40), Publisher(serial=5)
    for publisher in (thief, right):
        assert (await identities.open(region_settings(tmp_path), key)).enrollment is None
        root_key, serial = public_key_bytes(publisher.root), publisher.serial
        await identities.record_enrollment(EnrollmentToken(INSTALLATION, "eu", root_key, serial, b"s" * 32), NOW_MS)
        await repository.save(publisher.publish([]), {}, Position(serial, 1, 1), root_key=root_key)
        assert (await repository.trusted(), await repository.load()) == (
            (root_key, serial),
            (publisher.publish([]), {}),
        )
        page = (Path(__file__).parents[3] / "docs" / "snapshots.md").read_text()
        for statement in page.partition("```sql\n")[2].partition("```")[0].splitlines():
            async with database.transaction() as connection:
                await connection.execute(text(statement))
