"""What many keys cost: publishing them, one change among them, and a report of those that are active.

Both ends of the boundary in one process, without HTTP between them: a control plane's publisher on SQLite, and a region's
subscription that is handed its manifests and shards. The event loop is watched by a heartbeat throughout.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import insert, text

from domicile.apps.control.storage import MIGRATIONS
from domicile.boundary.signing import open_manifest, public_key_bytes
from domicile.boundary.snapshot import SNAPSHOT_SCHEMA, Shard
from domicile.boundary.usage import ServiceTier, Usage, UsageDelta, UsageReport
from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import EnrolledRegion
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.publication.publisher_keys import PublisherKeys
from domicile.control_plane.usage.service import UsageTotals
from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.snapshot.verification import verify_shard
from domicile.kernel.clock import SystemClock
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate

ORGANIZATION = new_id("org-")
KEYS_OF_A_PROJECT = 20
DELTAS_OF_A_REPORT = 256
ROUNDS = 20
_HEARTBEAT_S = 0.001


@dataclass
class Figures:
    """Milliseconds, the median of `ROUNDS`; of the stall the longest."""

    keys: int
    first_publication_ms: float
    first_table_ms: float
    renewal_ms: float
    change_ms: float
    """From the commit of one key to the region's new table."""
    longest_stall_ms: float
    report_of_256_ms: float


class Stalls:
    """How long the event loop let nothing else run."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watches while the block runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(_HEARTBEAT_S)
            self.longest_ms = max(self.longest_ms, (time.perf_counter() - before - _HEARTBEAT_S) * 1000)


class Region:
    """The region's half: decoded shards by their names, and the table."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._verified: dict[str, Shard] = {}
        self.table: SnapshotTable | None = None

    async def take(self) -> None:
        """The publication that is current now, as `SnapshotSubscription` takes it."""
        publication = self._publisher._feeds["us"].current
        assert publication is not None
        signed = publication.manifests[SNAPSHOT_SCHEMA]
        manifest = open_manifest(public_key_bytes(self._publisher.signer.key), signed)
        verified: dict[str, Shard] = {}
        for reference in manifest.shards:
            known = self._verified.get(reference.sha256)
            if known is None:
                known = await asyncio.to_thread(
                    verify_shard,
                    publication.shards[reference.sha256],
                    sha256=reference.sha256,
                    index=reference.index,
                    region="us",
                    schema=SNAPSHOT_SCHEMA,
                )
            verified[reference.sha256] = known
        gone = [shard for name, shard in self._verified.items() if name not in verified]
        new = [shard for name, shard in verified.items() if name not in self._verified]
        if self.table is None:
            self.table = await asyncio.to_thread(SnapshotTable.build, manifest, new)
        else:
            self.table = await asyncio.to_thread(self.table.replaced, manifest, gone, new)
        self._verified = verified


async def measure(keys: int) -> Figures:
    """On a database of its own with that many keys, twenty to a project."""
    with TemporaryDirectory() as folder:
        url = sqlite_url(Path(folder) / "control.db")
        await migrate(url, MIGRATIONS)
        database = Database(url)
        projects, ids = await _fill(database, keys)
        publisher = Publisher(
            database,
            SystemClock(),
            installation_id=new_id("inst_"),
            keys=PublisherKeys(Path(folder), new_id("inst_"), 1),
            directory={"us": "us.domicile.example"},
            catalogue_version="0" * 16,
            prices=load_catalogue().prices,
        )
        try:
            return await _measure(database, publisher, projects, ids)
        finally:
            publisher.close()
            await database.close()


async def _measure(
    database: Database, publisher: Publisher, projects: list[str], ids: list[tuple[str, str]]
) -> Figures:
    stalls, region = Stalls(), Region(publisher)
    first_ms = await _timed(publisher.open())
    table_ms = await _timed(region.take())
    async with stalls.watched():
        renewals, changes = [], []
        for number in range(ROUNDS):
            renewals.append(await _timed(publisher.publish({"us": ()})))
            await region.take()
            key_id, project = ids[number * 7 % len(ids)]
            async with database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
                await connection.execute(text("UPDATE api_key SET revoked_at_ms = 1 WHERE id = :id"), {"id": key_id})
            changes.append(await _timed(_changed(publisher, region, project)))
        catalogue = load_catalogue()
        models = frozenset(entry.name for entry in catalogue.entries.values())
        service = UsageTotals(Reader(database), database, SystemClock(), models, catalogue.prices)
        reports = [await _timed(_report(service, number, ids)) for number in range(1, ROUNDS + 1)]
    return Figures(
        len(ids), first_ms, table_ms, _median(renewals), _median(changes), stalls.longest_ms, _median(reports)
    )


async def _changed(publisher: Publisher, region: Region, project: str) -> None:
    await publisher.publish({"us": {project}})
    await region.take()


async def _report(service: UsageTotals, number: int, ids: list[tuple[str, str]]) -> None:
    minute = SystemClock().now_ms() // 60_000
    start = number * DELTAS_OF_A_REPORT
    chosen = [ids[(start + each) % len(ids)] for each in range(min(DELTAS_OF_A_REPORT, len(ids)))]
    deltas = tuple(
        UsageDelta(
            minute=minute,
            organization_id=ORGANIZATION,
            project_id=project,
            key_id=key_id,
            model="gpt-4o-2024-08-06",
            fine_tuned_model=None,
            endpoint=Endpoint.CHAT_COMPLETIONS,
            tier=ServiceTier.DEFAULT,
            batch=False,
            requests=1,
            usage=Usage(10, 0, 5),
        )
        for key_id, project in chosen
    )
    region = EnrolledRegion("us", "rep_" + "0" * 24)
    await service.ingest(region, UsageReport("us", "wr_" + "0" * 24, number, deltas))


async def _timed(work: Awaitable[object]) -> float:
    """Milliseconds of processor time, all threads of this process together: a busy machine does not change them much."""
    began = time.process_time()
    await work
    return (time.process_time() - began) * 1000


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def _fill(database: Database, count: int) -> tuple[list[str], list[tuple[str, str]]]:
    """Projects, and keys with their projects."""
    projects = [new_id("proj_") for _ in range(max(1, count // KEYS_OF_A_PROJECT))]
    accounts = {project: new_id("svc_acct_") for project in projects}
    keys = [(new_id("key_"), projects[number % len(projects)]) for number in range(count)]
    retention = {"retention": "modified_abuse_monitoring"}
    async with database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        await connection.execute(
            insert(tables.region).values(
                code="us", residency="US_STORAGE_PROCESSING", countries="[]", public_key=b"k" * 32, enrolled_at_ms=1
            )
        )
        await connection.execute(
            insert(tables.organization).values(id=ORGANIZATION, name="o", created_at_ms=1, **retention)
        )
        await connection.execute(
            insert(tables.agreement).values(
                organization_id=ORGANIZATION,
                enterprise_agreement=True,
                zdr_eligible=True,
                zdr_endpoints="[]",
                enhanced_zdr=False,
            )
        )
        shared = {"organization_id": ORGANIZATION, "name": "n", "created_at_ms": 1}
        await connection.execute(
            insert(tables.project),
            [
                {"id": project, "region": "us", "retention": "organization_default", "status": "active", **shared}
                for project in projects
            ],
        )
        await connection.execute(
            insert(tables.service_account),
            [
                {"id": account, "project_id": project, "role": "member", **shared}
                for project, account in accounts.items()
            ],
        )
        await connection.execute(
            insert(tables.api_key),
            [
                {
                    "id": key_id,
                    "project_id": project,
                    "service_account_id": accounts[project],
                    "sha256": number.to_bytes(32, "big"),
                    "last_four": "0000",
                    **shared,
                }
                for number, (key_id, project) in enumerate(keys)
            ],
        )
    return projects, keys


if __name__ == "__main__":
    for wanted in (1_000, 100_000):
        print(asyncio.run(measure(wanted)))
