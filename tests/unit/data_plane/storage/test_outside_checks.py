"""Checks of customers' keys and buckets: each number once, whatever restarts, with turns between organizations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from domicile.boundary.audit import RegionEventType, ServiceCheck
from domicile.boundary.outside_services import CheckOutcome, ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.snapshot import Shard
from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.storage import outside_checks
from domicile.data_plane.storage.outside_checks import CHECKS_AT_ONCE, OutsideChecks
from domicile.persistence.database import Database
from tests.platform.customers import KEY, STORAGE, customers_table, key_record_of, storage_record
from tests.unit.data_plane.region_parts import SetClock, database_in, snapshot_table, until

ARN = "arn:aws:kms:eu-central-1:123456789012:key/1"


class Services:
    """Stand in for keys and buckets. Checks of organizations in `silent` do not end."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.running = 0
        self.most = 0
        self.silent: set[str] = set()
        self.outcome = CheckOutcome.USABLE

    async def check(self, record: ExternalKeyRecord | ExternalStorageRecord) -> CheckOutcome:
        is_silent = False
        if isinstance(record, ExternalKeyRecord):
            self.tried.append(record.external_key_id)
            is_silent = record.organization_id in self.silent
        else:
            self.tried.append(record.external_storage_id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if is_silent:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        return self.outcome


class Process:
    """The checks of one process of a region."""

    def __init__(self, database: Database, services: Services) -> None:
        self.reports: list[tuple[RegionEventType, ServiceCheck]] = []
        self.services = services
        self.fails_to_report = False
        self.clock = SetClock()
        self.checks = OutsideChecks(database, self.clock, keys=services, storages=services, report=self.report)

    async def report(self, kind: RegionEventType, check: ServiceCheck) -> None:
        if self.fails_to_report:
            raise OSError("the disk is full")
        self.reports.append((kind, check))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        task = asyncio.create_task(self.checks.run())
        try:
            yield self
            # A cancelled call of the database would outlive the test.
            await until(lambda: self.checks._busy <= self.services.silent)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def reported(self, count: int) -> list[tuple[RegionEventType, ServiceCheck]]:
        await until(lambda: len(self.reports) >= count)
        assert len(self.reports) == count
        return self.reports


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with database_in(tmp_path, "region") as database:
        yield database


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_checks, "RETRY_S", 0.01)


def keys(*places: tuple[int, int]) -> SnapshotTable:
    """Keys by the number of their organization and their own."""
    records = [
        key_record_of(ARN, f"extkey_{owner:012}{number:012}", organization_id=f"org-{owner:024}")
        for owner, number in places
    ]
    return snapshot_table(Shard("eu", 0, (), (), (), external_keys=tuple(records)))


async def test_each_number_is_tried_and_reported_once(database: Database) -> None:
    services = Services()
    async with Process(database, services).running() as process:
        for _ in range(3):
            process.checks.notice(customers_table(key_record_of(ARN), storage_record("bucket")))
        reports = await process.reported(2)
        assert sorted(reports) == [
            (RegionEventType.EXTERNAL_KEY_CHECKED, ServiceCheck(KEY, 1, CheckOutcome.USABLE)),
            (RegionEventType.EXTERNAL_STORAGE_CHECKED, ServiceCheck(STORAGE, 1, CheckOutcome.USABLE)),
        ]
        services.outcome = CheckOutcome.REFUSED
        process.checks.notice(customers_table(key_record_of(ARN, check=2), storage_record("bucket")))
        last = (await process.reported(3))[-1]
        assert last == (RegionEventType.EXTERNAL_KEY_CHECKED, ServiceCheck(KEY, 2, CheckOutcome.REFUSED))


async def test_a_restart_tries_nothing_again_that_is_reported(database: Database) -> None:
    services = Services()
    async with Process(database, services).running() as process:
        process.checks.notice(customers_table(key_record_of(ARN)))
        await process.reported(1)
    async with Process(database, services).running() as restarted:
        restarted.checks.notice(customers_table(key_record_of(ARN), storage_record("bucket")))
        assert [check.service_id for _, check in await restarted.reported(1)] == [STORAGE]
    assert services.tried == [KEY, STORAGE]


async def test_what_was_not_reported_is_tried_again_when_its_lease_is_over(database: Database) -> None:
    services = Services()
    async with Process(database, services).running() as process:
        process.fails_to_report = True
        process.checks.notice(customers_table(key_record_of(ARN)))
        await until(lambda: services.tried)
    async with Process(database, services).running() as restarted:
        restarted.checks.notice(customers_table(key_record_of(ARN)))
        await until(lambda: restarted.checks._not_before)
        assert (services.tried, restarted.reports) == ([KEY], [])
        restarted.clock.ms += outside_checks._LEASE_MS
        await restarted.reported(1)


async def test_processes_share_the_checks(database: Database) -> None:
    services = Services()
    table = keys(*((owner, 1) for owner in range(20)))
    async with Process(database, services).running() as one, Process(database, services).running() as other:
        for process in (one, other):
            process.checks.notice(table)
        await until(lambda: len(one.reports) + len(other.reports) >= 20)
    assert len(services.tried) == len(set(services.tried)) == 20


async def test_a_silent_organization_has_one_place_and_holds_up_no_other(database: Database) -> None:
    services = Services()
    services.silent = {f"org-{0:024}"}
    async with Process(database, services).running() as process:
        process.checks.notice(keys(*((0, number) for number in range(50)), *((owner, 1) for owner in range(1, 21))))
        await process.reported(20)
        assert len([each for each in services.tried if each.startswith(f"extkey_{0:012}")]) == 1
        assert services.most <= CHECKS_AT_ONCE


async def test_organizations_take_turns(database: Database) -> None:
    services = Services()
    many, few = [(0, number) for number in range(30)], [(1, number) for number in range(3)]
    async with Process(database, services).running() as process:
        process.checks.notice(keys(*many, *few))
        await process.reported(33)
    places = [place for place, each in enumerate(services.tried) if each.startswith(f"extkey_{1:012}")]
    assert max(places) < 10


async def test_a_check_that_does_not_end_is_unreachable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outside_checks, "_CHECK_S", 0.01)
    services = Services()
    services.silent = {f"org-{0:024}"}
    async with Process(database, services).running() as process:
        process.checks.notice(keys((0, 1)))
        ((_, check),) = await process.reported(1)
        assert check.outcome is CheckOutcome.UNREACHABLE
