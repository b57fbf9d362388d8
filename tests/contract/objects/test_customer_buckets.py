"""Objects in customers' own buckets, on moto: each row says where its object lies, and a bucket that is away stops no other."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select
from tests.platform.customers import customers_table, storage_record
from tests.platform.object_servers import S3_KEY_ID, S3_REGION, S3_SECRET, S3Server, s3_server
from tests.unit.data_plane.region_parts import PROJECT, SetClock, database_in, project_record

from domicile.boundary.outside_services import CheckOutcome, ExternalStorageRecord
from domicile.data_plane.egress import destination
from domicile.data_plane.egress_relay import relay_to
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.aws_signature import AwsCredentials
from domicile.data_plane.storage.key_store import FolderKeyStore, ProjectDestroyedError
from domicile.data_plane.storage.object_store import LocalObjectStore, ObjectMissingError
from domicile.data_plane.storage.object_stores import CustomerBucket, ExternalStorageUnavailableError, RegionStores
from domicile.data_plane.storage.objects import Objects, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.data_plane.storage.remote_stores import S3BucketService
from domicile.data_plane.tables import destroyed_project, stored_object
from domicile.persistence.database import Database

OTHER, OWN = "proj_" + "Q" * 24, "proj_" + "R" * 24
AWAY_REGION = "eu-west-3"
CANARY = b"the secret of this object" * 4


@dataclass
class Region:
    """The objects of a region, with the bucket service of a second signing region that can go away."""

    objects: Objects
    stores: RegionStores
    own: LocalObjectStore
    database: Database
    snapshots: CurrentSnapshot
    s3: S3Server
    lost: S3Server

    def show(self, *records: ExternalStorageRecord, without: str = "") -> None:
        others = tuple(project_record(project_id=each) for each in (OTHER, OWN) if each != without)
        self.snapshots.swap(customers_table(*records, others=others))

    async def write(self, project_id: str, content: bytes = CANARY) -> StoredObject:
        writer = await self.objects.write(project_id)
        await writer.write(content)
        stored = await writer.close()
        async with self.database.transaction() as connection:
            await self.objects.keep(connection, stored)
        return stored

    async def read(self, stored: StoredObject) -> bytes:
        return b"".join([piece async for piece in self.objects.read(stored)])

    async def release(self, *stored: StoredObject) -> None:
        async with self.database.transaction() as connection:
            await self.objects.release(connection, [each.object_id for each in stored])

    async def in_own(self) -> list[str]:
        return [name async for name in self.own.names()]

    async def rows(self) -> int:
        async with self.database.reading() as connection:
            return (await connection.execute(select(func.count()).select_from(stored_object))).scalar_one()


@pytest.fixture
def lost(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path / "lost") as server:
        yield server


@pytest_asyncio.fixture
async def region(s3: S3Server, lost: S3Server, tmp_path: Path) -> AsyncIterator[Region]:
    snapshots, clock, credentials = CurrentSnapshot(), SetClock(), AwsCredentials(S3_KEY_ID, S3_SECRET)
    keys = ProjectKeys(FolderKeyStore(tmp_path / "keys"), HeldRegionKeys([bytes(32)]), clock)
    own = LocalObjectStore(tmp_path / "objects")
    async with (
        database_in(tmp_path, "region") as database,
        relay_to(destination(s3.url, "DE")) as relay,
        relay_to(destination(lost.url, "DE")) as lost_relay,
    ):
        services = {
            name: S3BucketService(server.url, name, "DE", credentials, through, server.issuer.ca_file.read_bytes())
            for name, server, through in ((S3_REGION, s3, relay), (AWAY_REGION, lost, lost_relay))
        }
        stores = RegionStores(own, services, snapshots, database)
        yield Region(Objects(stores, keys, database, clock), stores, own, database, snapshots, s3, lost)


async def test_each_project_lies_where_its_customer_says(region: Region) -> None:
    first, second = region.s3.bucket(), region.s3.bucket()
    region.show(
        storage_record(first), storage_record(second, project_id=OTHER, external_storage_id="extstore_" + "B" * 24)
    )
    written = {project: await region.write(project) for project in (PROJECT, OTHER, OWN)}
    assert region.s3.names_in(first) == [f"{PROJECT}/{written[PROJECT].object_id}"]
    assert region.s3.names_in(second) == [f"{OTHER}/{written[OTHER].object_id}"]
    assert await region.in_own() == [written[OWN].object_id]
    assert [await region.read(each) for each in written.values()] == [CANARY] * 3
    assert CANARY[:16] not in region.s3.content_of(first, region.s3.names_in(first)[0])
    await region.release(*written.values())
    await region.objects.delete([each.object_id for each in written.values()])
    left = (region.s3.names_in(first), region.s3.names_in(second), await region.in_own(), await region.rows())
    assert left == ([], [], [], 0)


async def test_objects_stay_where_they_were_written(region: Region) -> None:
    """A bucket that is registered later, or exchanged, takes new objects only."""
    first, second = region.s3.bucket(), region.s3.bucket()
    written = []
    for records in ((), (storage_record(first),), (storage_record(second),)):
        region.show(*records)
        written.append(await region.write(PROJECT))
    places = [len(region.s3.names_in(first)), len(region.s3.names_in(second)), len(await region.in_own())]
    assert places == [1, 1, 1]
    assert [await region.read(each) for each in written] == [CANARY] * 3
    await region.objects.destroy(PROJECT)
    assert (region.s3.names_in(first), region.s3.names_in(second), await region.in_own()) == ([], [], [])


async def test_a_snapshot_that_names_no_bucket_any_more_moves_nothing_into_the_regions_store(region: Region) -> None:
    """As after a backup of the control plane was restored."""
    region.show(storage_record(region.s3.bucket()))
    stored = await region.write(PROJECT)
    region.show()
    with pytest.raises(ExternalStorageUnavailableError, match="contradictory"):
        await region.write(PROJECT)
    assert (await region.in_own(), await region.read(stored)) == ([], CANARY)


async def test_an_archived_project_is_found_written_and_destroyed_in_its_bucket(region: Region) -> None:
    bucket = region.s3.bucket()
    region.show(storage_record(bucket))
    stored = await region.write(PROJECT)
    region.snapshots.swap(customers_table(project=project_record(project_id=OTHER)))
    assert await region.read(stored) == CANARY
    await region.write(PROJECT)
    assert (len(region.s3.names_in(bucket)), await region.in_own()) == (2, [])
    with pytest.raises(ProjectDestroyedError):
        await region.write(OWN)
    await region.objects.destroy(PROJECT)
    assert (region.s3.names_in(bucket), await region.rows()) == ([], 0)


@pytest.mark.parametrize(
    "members", [{"signing_region": "us-east-1"}, {"country": "FR"}, {"signing_region": AWAY_REGION, "country": "FR"}]
)
async def test_what_is_not_offered_is_never_called(region: Region, members: dict[str, str]) -> None:
    bucket = region.s3.bucket()
    record = storage_record(bucket, **members)
    region.show(record)
    asked = region.s3.requests(), region.lost.requests()
    with pytest.raises(ExternalStorageUnavailableError, match="not_offered"):
        await region.write(PROJECT)
    assert await region.stores.check(record) is CheckOutcome.NOT_OFFERED
    assert (region.s3.requests(), region.lost.requests()) == asked
    assert (await region.in_own(), await region.rows()) == ([], 0)


async def test_an_object_in_a_bucket_that_is_no_longer_offered(region: Region) -> None:
    region.show(storage_record(region.s3.bucket()))
    stored = await region.write(PROJECT)
    region.stores._services = {}
    region.stores._open.clear()
    asked = region.s3.requests()
    with pytest.raises(ExternalStorageUnavailableError, match="not_offered"):
        await region.read(stored)
    await region.release(stored)
    await region.objects.sweep()
    assert (region.s3.requests(), await region.rows()) == (asked, 1)


async def test_a_bucket_that_is_taken_away_and_given_back(region: Region) -> None:
    bucket = region.s3.bucket()
    region.show(storage_record(bucket))
    stored = await region.write(PROJECT)
    region.s3.forbid(bucket, True)
    for call in (region.read(stored), region.write(PROJECT)):
        with pytest.raises(ExternalStorageUnavailableError, match="refused"):
            await call
    assert await region.in_own() == []
    region.s3.forbid(bucket, False)
    assert await region.read(stored) == CANARY


async def test_a_bucket_that_is_away_stops_no_other_sweep_and_no_destruction(region: Region) -> None:
    here, there = region.s3.bucket(), region.lost.bucket()
    away = storage_record(
        there, project_id=OTHER, signing_region=AWAY_REGION, external_storage_id="extstore_" + "B" * 24
    )
    region.show(storage_record(here), away)
    written = [await region.write(project) for project in (OTHER, PROJECT, OWN)]
    unswept = await region.write(OTHER)
    region.lost.process.kill()
    region.lost.process.wait()
    await region.release(*written)
    await region.objects.sweep()
    assert (region.s3.names_in(here), await region.in_own(), await region.rows()) == ([], [], 2)
    await region.write(PROJECT)
    await region.objects.destroy(OTHER)
    with pytest.raises(ObjectMissingError):
        await region.read(unswept)
    async with region.database.reading() as connection:
        states = (
            await connection.execute(select(stored_object.c.state).where(stored_object.c.project_id == OTHER))
        ).all()
    assert [state for (state,) in states] == ["deleting"] * 2, "left to the sweep"
    await region.objects.destroy(PROJECT)
    assert (region.s3.names_in(here), await region.rows()) == ([], 2)


async def test_many_objects_of_one_request_are_all_deleted(region: Region) -> None:
    region.show()
    written = [await region.write(OWN, b"x") for _ in range(60)]
    await region.release(*written)
    await region.objects.delete([each.object_id for each in written])
    assert (await region.in_own(), await region.rows()) == ([], 0)


async def test_what_a_check_finds(region: Region) -> None:
    bucket = region.s3.bucket()
    region.show(storage_record(bucket))
    assert await region.stores.check(storage_record(bucket)) is CheckOutcome.USABLE
    assert region.s3.names_in(bucket) == []
    region.s3.forbid(bucket, True)
    assert await region.stores.check(storage_record(bucket)) is CheckOutcome.REFUSED
    region.s3.forbid(bucket, False)
    assert await region.stores.check(storage_record("no-such-bucket")) is CheckOutcome.REFUSED
    away = storage_record(region.lost.bucket(), signing_region=AWAY_REGION)
    region.lost.process.kill()
    region.lost.process.wait()
    assert await region.stores.check(away) is CheckOutcome.UNREACHABLE


async def test_a_bucket_that_was_closed_opens_again(region: Region, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domicile.data_plane.storage.object_stores._OPEN_MAX", 1)
    bucket = CustomerBucket(region.s3.bucket(), S3_REGION)
    for _ in range(2):
        for project in (PROJECT, OTHER):
            region.stores.store(project, bucket)
    assert list(region.stores._open) == [(OTHER, bucket)]


async def test_a_destroyed_project_gets_no_object(region: Region) -> None:
    region.show(storage_record(region.s3.bucket()))
    async with region.database.transaction() as connection:
        await connection.execute(insert(destroyed_project).values(project_id=PROJECT, destroyed_at_ms=1))
    with pytest.raises(ProjectDestroyedError):
        await region.write(PROJECT)
