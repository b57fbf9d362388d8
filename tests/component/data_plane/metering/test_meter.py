"""Nothing metered is lost or doubled, whatever happens to the database or the process (design 4.7)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from domicile.boundary.audit import AuditReport, RegionEventType
from domicile.boundary.service_levels import ServiceLevelReport
from domicile.boundary.usage import ImageSize, Usage, UsageReport
from domicile.data_plane.metering.meter import ENTRIES_PER_TRANSACTION, Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.service_levels import ServedAnswer
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from tests.platform.processes import Process, eventually
from tests.unit.data_plane.metering.entries import events_in, in_ledger, in_outbox, ledger_entry, requests_in
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    NOW_MS,
    WRITER,
    SetClock,
    current_snapshot,
    database_in,
    shards_for,
    until,
)

GAP, STARTED, STOPPED = RegionEventType.METERING_GAP, RegionEventType.STARTED, RegionEventType.STOPPED


def new_meter(
    database: Database,
    *,
    durable: bool = False,
    writer: str = WRITER,
    snapshots: CurrentSnapshot | None = None,
    report_every_s: float = 0,
) -> Meter:
    return Meter(
        MeteringRepository(database),
        snapshots or CurrentSnapshot(),
        region="eu",
        writer=writer,
        clock=SetClock(),
        durable=durable,
        report_every_s=report_every_s,
    )


async def opened_meter(database: Database, *, durable: bool = False) -> Meter:
    """Known to the database, and without the event of its start."""
    meter = new_meter(database, durable=durable)
    await MeteringRepository(database).open_writer(meter.writer, NOW_MS)
    return meter


@asynccontextmanager
async def running(meter: Meter) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(meter.run())
    try:
        yield task
    finally:
        meter.stop()
        await asyncio.wait_for(task, 10)


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "metering") as database:
        yield database


async def test_an_entry_is_kept_whole_in_the_region(database: Database) -> None:
    meter = await opened_meter(database)
    meter.record(ledger_entry("req_1", usage=Usage(10, 2, 5, 1, 45, 1500, 2), image_size=ImageSize.SQUARE_1024))
    await meter.flush()
    [row] = await in_ledger(database)
    assert row._asdict() == {
        "request_id": "req_1",
        "at_ms": NOW_MS,
        "organization_id": "org-" + "O" * 24,
        "project_id": "proj_" + "P" * 24,
        "key_id": KEY_ID,
        "endpoint": "/v1/chat/completions",
        "model": "gpt-4o-2024-08-06",
        "tier": "default",
        "batch": False,
        "engine": "one",
        "country": "DE",
        "outcome": "complete",
        "counted_by": "engine",
        "input_tokens": 10,
        "input_cached_tokens": 2,
        "output_tokens": 5,
        "output_reasoning_tokens": 1,
        "characters": 45,
        "audio_milliseconds": 1500,
        "images": 2,
        "image_size": "1024x1024",
        "writer": WRITER,
        "sequence": 1,
    }


async def test_reports_are_numbered_without_gaps_usage_and_events_in_one_sequence(database: Database) -> None:
    meter = new_meter(database, snapshots=current_snapshot(*shards_for(), epoch=3, number=7))
    await meter.start()
    await meter.flush()
    for number in range(3):
        meter.record(ledger_entry(f"req_{number}"))
        if number == 1:
            meter.event(RegionEventType.SNAPSHOT_REFUSED)
        await meter.flush()
    reports = [report for report, _ in await in_outbox(database)]
    assert [report.number for report in reports] == [1, 2, 3, 4, 5]
    assert [type(report) for report in reports] == [AuditReport, UsageReport, UsageReport, AuditReport, UsageReport]
    assert {(report.region, report.writer) for report in reports} == {("eu", WRITER)}
    assert isinstance(reports[3], AuditReport)
    assert [(event.type, event.epoch, event.number, event.at_ms) for event in reports[3].events] == [
        (RegionEventType.SNAPSHOT_REFUSED, 3, 7, NOW_MS)
    ]


async def test_nothing_to_say_makes_no_report(database: Database) -> None:
    meter = await opened_meter(database)
    await meter.flush()
    assert await in_outbox(database) == []
    assert not meter.reported.is_set()


async def test_many_entries_are_written_in_parts_and_counted_once(database: Database) -> None:
    meter = await opened_meter(database)
    count = 2 * ENTRIES_PER_TRANSACTION + 7
    for number in range(count):
        meter.record(ledger_entry(f"req_{number}"))
    await meter.flush()
    await meter.flush()
    reports = await in_outbox(database)
    assert [report.number for report, _ in reports] == [1]
    assert requests_in(reports) == len(await in_ledger(database)) == count
    assert meter.reported.is_set()


async def test_it_writes_by_itself_and_what_is_left_when_it_stops(database: Database) -> None:
    meter = new_meter(database)
    await meter.start()
    async with running(meter):
        meter.record(ledger_entry("req_1"))
        await asyncio.wait_for(meter.reported.wait(), 5)
        for number in range(2, 1000):
            meter.record(ledger_entry(f"req_{number}"))
    reports = await in_outbox(database)
    assert requests_in(reports) == len(await in_ledger(database)) == 999
    assert events_in(reports) == [STARTED, STOPPED]
    assert [report.number for report, _ in reports] == list(range(1, len(reports) + 1))


async def test_what_is_recorded_while_a_write_is_under_way_is_neither_lost_nor_doubled(database: Database) -> None:
    meter = await opened_meter(database)
    async with running(meter):
        for number in range(600):
            meter.record(ledger_entry(f"req_{number}"))
            if number % 50 == 0:
                meter.event(RegionEventType.SNAPSHOT_REFUSED)
                await asyncio.sleep(0.001)
    reports = await in_outbox(database)
    assert requests_in(reports) == len(await in_ledger(database)) == 600
    assert events_in(reports).count(RegionEventType.SNAPSHOT_REFUSED) == 12


async def test_a_key_in_constant_use_is_reported_once_in_a_while(database: Database) -> None:
    meter = new_meter(database, report_every_s=3600)
    await meter.start()
    for number in range(20):
        meter.record(ledger_entry(f"req_{number}"))
        await meter.flush()
        assert len(await in_ledger(database)) == number + 1, "on disk at once"
    assert requests_in(await in_outbox(database)) == 1
    async with running(meter):
        pass
    usage = [report for report, _ in await in_outbox(database) if isinstance(report, UsageReport)]
    assert [[delta.requests for delta in report.deltas] for report in usage] == [[1], [19]]
    following = new_meter(database, writer="wr_" + "V" * 24)
    await following.start()
    await following.flush()
    assert requests_in(await in_outbox(database)) == 20


class TestBrokenDatabase:
    async def break_(self, database: Database, table: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(text(f"ALTER TABLE {table} RENAME TO away"))

    async def mend(self, database: Database, table: str) -> None:
        async with database.transaction() as connection:
            await connection.execute(text(f"ALTER TABLE away RENAME TO {table}"))

    @pytest.mark.parametrize("table", ["ledger", "outbox"])
    async def test_entries_wait_and_go_once(self, database: Database, table: str) -> None:
        """Nothing is reported that is not in the ledger; an entry is there though it cannot be reported yet."""
        meter = await opened_meter(database)
        async with running(meter) as task:
            await self.break_(database, table)
            meter.record(ledger_entry("req_1"))
            meter.event(RegionEventType.SNAPSHOT_REFUSED)
            await until(lambda: not meter._wake.is_set())
            with pytest.raises(Exception, match=f"no such table: {table}"):
                await meter.flush()
            assert not task.done()
            await self.mend(database, table)
            assert [row.request_id for row in await in_ledger(database)] == ([] if table == "ledger" else ["req_1"])
            assert await in_outbox(database) == []
            meter.record(ledger_entry("req_2"))
        assert [row.request_id for row in await in_ledger(database)] == ["req_1", "req_2"]
        reports = await in_outbox(database)
        assert requests_in(reports) == 2
        assert [report.number for report, _ in reports] == list(range(1, len(reports) + 1))

    async def test_a_stop_that_cannot_write_leaves_the_gap_to_be_reported(self, database: Database) -> None:
        meter = new_meter(database)
        await meter.start()
        await meter.flush()
        await self.break_(database, "ledger")
        async with running(meter):
            meter.record(ledger_entry("req_1"))
        await self.mend(database, "ledger")
        following = new_meter(database, writer="wr_" + "V" * 24)
        await following.start()
        await following.flush()
        assert GAP in events_in(await in_outbox(database))


class TestDurable:
    async def test_an_entry_is_on_disk_before_settled_returns(self, database: Database) -> None:
        meter = await opened_meter(database, durable=True)
        async with running(meter):
            for number in range(5):
                meter.record(ledger_entry(f"req_{number}"))
                await asyncio.wait_for(meter.settled(), 5)
                assert len(await in_ledger(database)) == number + 1

    async def test_it_waits_as_long_as_the_database_cannot_write(self, database: Database) -> None:
        meter = await opened_meter(database, durable=True)
        async with running(meter):
            broken = TestBrokenDatabase()
            await broken.break_(database, "ledger")
            meter.record(ledger_entry("req_1"))
            settled = asyncio.create_task(meter.settled())
            with pytest.raises(Exception, match="no such table"):
                await meter.flush()
            assert not settled.done()
            await broken.mend(database, "ledger")
            await asyncio.wait_for(settled, 5)
            assert len(await in_ledger(database)) == 1

    async def test_many_wait_together(self, database: Database) -> None:
        meter = await opened_meter(database, durable=True)

        async def answer(number: int) -> None:
            meter.record(ledger_entry(f"req_{number}"))
            await meter.settled()

        async with running(meter):
            await asyncio.wait_for(asyncio.gather(*(answer(number) for number in range(300))), 10)
            assert len(await in_ledger(database)) == 300

    async def test_elsewhere_nobody_waits(self, database: Database) -> None:
        meter = await opened_meter(database)
        meter.record(ledger_entry("req_1"))
        await asyncio.wait_for(meter.settled(), 1)
        assert await in_ledger(database) == []


class TestGap:
    async def test_an_orderly_stop_leaves_none(self, database: Database) -> None:
        for writer in ("wr_" + "A" * 24, "wr_" + "B" * 24):
            meter = new_meter(database, writer=writer)
            await meter.start()
            async with running(meter):
                meter.record(ledger_entry(writer))
        assert events_in(await in_outbox(database)) == [STARTED, STOPPED] * 2

    @pytest.mark.parametrize("durable", [False, True])
    async def test_a_killed_process_loses_at_most_what_was_not_flushed_and_is_reported_once(
        self, tmp_path: Path, durable: bool
    ) -> None:
        log = tmp_path / "killed.log"
        arguments = [str(tmp_path), *(["--durable"] if durable else [])]
        process = Process("tests.component.data_plane.metering.killed_meter", *arguments, log=log).start()
        eventually(lambda: "ready" in log.read_text(), what=f"it has written, see {log}")
        assert process.stop(signal.SIGKILL) == -signal.SIGKILL
        async with database_in(tmp_path, "metering") as database:
            assert len(await in_ledger(database)) == 20
            for writer, expected in (("wr_" + "A" * 24, [GAP, STARTED]), ("wr_" + "B" * 24, [STARTED])):
                meter = new_meter(database, writer=writer)
                await meter.start()
                async with running(meter):
                    pass
                own = [item for item in await in_outbox(database) if item[0].writer == writer]
                assert events_in(own) == [*expected, STOPPED]
                assert requests_in(await in_outbox(database)) == 20, "reported by the killed one or by the next, once"


async def test_service_levels_are_reported_in_the_same_sequence_with_usage(database: Database) -> None:
    meter = new_meter(database)
    await meter.start()
    await meter.flush()
    meter.record(ledger_entry("req_1"))
    meter.served(ServedAnswer("ent_" + "1" * 24, NOW_MS, False, 10, 5))
    await meter.flush()
    # One that no engine took has no entry in the ledger, and counts all the same.
    meter.served(ServedAnswer("ent_" + "1" * 24, NOW_MS, True, 0, 0))
    await meter.flush()
    await meter.flush()
    reports = [report for report, _ in await in_outbox(database)]
    assert [(type(report), report.number) for report in reports] == [
        (AuditReport, 1),
        (UsageReport, 2),
        (ServiceLevelReport, 3),
        (ServiceLevelReport, 4),
    ]
    levels = [delta for report in reports if isinstance(report, ServiceLevelReport) for delta in report.deltas]
    assert [(delta.requests, delta.failed, delta.minute) for delta in levels] == [
        (1, 0, NOW_MS // 60_000),
        (1, 1, NOW_MS // 60_000),
    ]


async def test_service_levels_whose_report_failed_are_repeated_under_the_same_number(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = new_meter(database)
    await meter.start()
    await meter.flush()
    real = MeteringRepository.report

    async def committed_and_lost(*args: Any, **options: Any) -> Any:
        await real(*args, **options)
        raise OperationalError("", {}, Exception())

    meter.served(ServedAnswer("ent_" + "1" * 24, NOW_MS, False, 10, 5))
    monkeypatch.setattr(MeteringRepository, "report", committed_and_lost)
    with pytest.raises(OperationalError):
        await meter.flush()
    monkeypatch.setattr(MeteringRepository, "report", real)
    meter.served(ServedAnswer("ent_" + "1" * 24, NOW_MS, False, 20, 10))
    await meter.flush()
    reports = [report for report, _ in await in_outbox(database)]
    levels = [delta for report in reports if isinstance(report, ServiceLevelReport) for delta in report.deltas]
    assert [delta.input_tokens for delta in levels] == [10, 20]
