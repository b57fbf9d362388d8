"""Tries customers' own keys and buckets, each once for each number that the control plane gives, and reports the outcome.

Organizations take turns, and each has one check at a time: keys or buckets that do not answer hold up nobody else's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEventType, ServiceCheck
from domicile.boundary.outside_services import CheckOutcome, ExternalKeyRecord, ExternalStorageRecord
from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.tables import outside_check
from domicile.kernel.clock import Clock
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_into

log = structlog.get_logger("outside_checks")

CHECKS_AT_ONCE = 8
RETRY_S = 5.0
"""After an error of the database, and while another process of the region has claimed a check."""
_CHECK_S = 120.0
_LEASE_MS = 180_000

Report = Callable[[RegionEventType, ServiceCheck], Awaitable[None]]
"""Reports an outcome to the audit log. Returns once the report is on disk."""


class KeyCheck(Protocol):
    """`ExternalKeys`."""

    async def check(self, record: ExternalKeyRecord) -> CheckOutcome:
        """Raises nothing."""


class StorageCheck(Protocol):
    """`RegionStores`."""

    async def check(self, record: ExternalStorageRecord) -> CheckOutcome:
        """Raises nothing."""


@dataclass(frozen=True, slots=True)
class _Service:
    """A key or a bucket to try."""

    organization_id: str
    service_id: str
    number: int
    record: ExternalKeyRecord | ExternalStorageRecord


class OutsideChecks:
    """Runs the checks of one process. Processes of a region share a database, and each check is one's."""

    def __init__(
        self, database: Database, clock: Clock, *, keys: KeyCheck, storages: StorageCheck, report: Report
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._storages = storages
        self._report = report
        self._records: tuple[object, object] = (None, None)
        self._services: tuple[_Service, ...] = ()
        self._settled: dict[str, int] = {}
        """By service, the check that is reported."""
        self._not_before: dict[str, float] = {}
        self._busy: set[str] = set()
        """Organizations with a check under way."""
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._news = asyncio.Event()

    def notice(self, table: SnapshotTable) -> None:
        """Take the records of a snapshot that has come into force."""
        records = (table.external_keys, table.external_storages)
        if records[0] is self._records[0] and records[1] is self._records[1]:
            # A renewal of the same snapshot shares them.
            return
        self._records = records
        services = _services(table)
        if services != self._services:
            self._services = services
            ids = {each.service_id for each in services}
            self._settled = {each: number for each, number in self._settled.items() if each in ids}
            self._not_before = {each: at for each, at in self._not_before.items() if each in ids}
            owners = {each.organization_id for each in services}
            self._turns = {each: turn for each, turn in self._turns.items() if each in owners}
            self._news.set()

    async def run(self) -> None:
        """Check until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(CHECKS_AT_ONCE):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            service = self._next()
            if service is None:
                await self._wait()
                continue
            self._busy.add(service.organization_id)
            try:
                await self._once(service)
            except (SQLAlchemyError, DependencyUnavailableError, OSError) as error:
                log.error("outside_service_not_checked", type=type(error).__name__)
                self._not_before[service.service_id] = time.monotonic() + RETRY_S
            finally:
                self._busy.discard(service.organization_id)
                self._news.set()

    async def _wait(self) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(RETRY_S):
                await self._news.wait()
        except TimeoutError:
            return

    def _next(self) -> _Service | None:
        """The next service of the organization whose last turn is the longest ago."""
        now = time.monotonic()
        due = [
            each
            for each in self._services
            if self._settled.get(each.service_id) != each.number
            and each.organization_id not in self._busy
            and self._not_before.get(each.service_id, 0.0) <= now
        ]
        if not due:
            return None
        chosen = min(due, key=lambda each: self._turns.get(each.organization_id, 0))
        self._turn += 1
        self._turns[chosen.organization_id] = self._turn
        return chosen

    async def _once(self, service: _Service) -> None:
        if not await self._claim(service):
            return
        record = service.record
        if isinstance(record, ExternalKeyRecord):
            kind, checking = RegionEventType.EXTERNAL_KEY_CHECKED, self._keys.check(record)
        else:
            kind, checking = RegionEventType.EXTERNAL_STORAGE_CHECKED, self._storages.check(record)
        try:
            async with asyncio.timeout(_CHECK_S):
                outcome = await checking
        except TimeoutError:
            outcome = CheckOutcome.UNREACHABLE
        await self._report(kind, ServiceCheck(service.service_id, service.number, outcome))
        await self._settle(service)
        log.info("outside_service_checked", service=service.service_id, check=service.number, outcome=outcome.value)

    async def _claim(self, service: _Service) -> bool:
        """False for a check that is reported, and for one that another process has claimed."""
        table = outside_check
        now = self._database.time_ms(self._clock.now_ms())
        this = table.c.service_id == service.service_id
        is_free = or_(table.c.number != service.number, ~table.c.is_reported & (table.c.lease_until_ms <= now))
        async with self._database.transaction() as connection:
            first = insert_into(connection, table).values(
                service_id=service.service_id, number=0, is_reported=False, lease_until_ms=0
            )
            await connection.execute(first.on_conflict_do_nothing())
            values = {"number": service.number, "is_reported": False, "lease_until_ms": now + _LEASE_MS}
            if (await connection.execute(update(table).where(this, is_free).values(values))).rowcount:
                return True
            is_reported = (await connection.execute(select(table.c.is_reported).where(this))).scalar_one()
        if is_reported:
            self._settled[service.service_id] = service.number
        else:
            self._not_before[service.service_id] = time.monotonic() + RETRY_S
        return False

    async def _settle(self, service: _Service) -> None:
        table = outside_check
        this = (table.c.service_id == service.service_id) & (table.c.number == service.number)
        async with self._database.appending() as connection:
            await connection.execute(update(table).where(this).values(is_reported=True))
        self._settled[service.service_id] = service.number


def _services(table: SnapshotTable) -> tuple[_Service, ...]:
    keys = [
        _Service(record.organization_id, record.external_key_id, record.check, record)
        for record in table.external_keys.values()
    ]
    storages = []
    for record in table.external_storages.values():
        project = table.projects.get(record.project_id)
        owner = record.project_id if project is None else project.organization_id
        storages.append(_Service(owner, record.external_storage_id, record.check, record))
    return (*keys, *storages)
