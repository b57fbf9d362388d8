"""Organizations' own keys, in moto's KMS: what they wrap opens with them alone, and not at all while they are away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientTimeout
from tests.platform.customers import KEY, NOWHERE_ARN, OTHER_KEY, customers_table, key_record_of
from tests.platform.object_servers import S3_KEY_ID, S3_REGION, S3_SECRET, S3Server
from tests.platform.postgresql import PostgresServer
from tests.unit.data_plane.region_parts import PROJECT, SetClock, project_record

from domicile.apps.region.storage import MIGRATIONS
from domicile.boundary.outside_services import CheckOutcome
from domicile.data_plane.egress import destination, session_to
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.data_plane.storage.aws_signature import AwsCredentials
from domicile.data_plane.storage.external_keys import ExternalKeys, ExternalKeyUnavailableError, is_external
from domicile.data_plane.storage.key_store import FolderKeyStore, KeyStore, ProjectDestroyedError
from domicile.data_plane.storage.key_store_database import DatabaseKeyStore
from domicile.data_plane.storage.kms import KmsService
from domicile.data_plane.storage.project_keys import HELD_MS, ProjectKeyGoneError, ProjectKeys
from domicile.data_plane.storage.region_key import HeldRegionKeys
from domicile.data_plane.storage.wrapping import WrongKeyError
from domicile.kernel.clock import SystemClock
from domicile.persistence.database import Database
from domicile.persistence.migration import migrate

REGION_KEY, NEXT_REGION_KEY = bytes(32), bytes([1]) * 32
SECOND_REGION = "eu-west-3"
"""moto has a separate set of keys for each of AWS's regions."""


class Region:
    """The keys of a region's processes, over one key store and one snapshot."""

    def __init__(self, folder: Path, external: ExternalKeys, snapshots: CurrentSnapshot) -> None:
        self.clock = SetClock()
        self.store: KeyStore = FolderKeyStore(folder / "keys")
        self.external = external
        self.snapshots = snapshots

    def show(self, table: SnapshotTable) -> None:
        self.snapshots.swap(table)

    def process(self, *region_keys: bytes) -> ProjectKeys:
        """A process that has just started."""
        return ProjectKeys(self.store, HeldRegionKeys(region_keys or [REGION_KEY]), self.clock, self.external)


@pytest_asyncio.fixture
async def region(s3: S3Server, tmp_path: Path) -> AsyncIterator[Region]:
    snapshots = CurrentSnapshot()
    async with session_to(
        destination(s3.url, "DE"), ClientTimeout(total=30), connections=4, ca_file=s3.issuer.ca_file
    ) as session:
        credentials = AwsCredentials(S3_KEY_ID, S3_SECRET)
        services = {
            name: KmsService(session, s3.url, name, credentials, SystemClock()) for name in (S3_REGION, SECOND_REGION)
        }
        yield Region(tmp_path, ExternalKeys(services, snapshots), snapshots)


async def refused(keys: ProjectKeys, *, new: bool = False) -> str:
    with pytest.raises(ExternalKeyUnavailableError) as raised:
        await (keys.of_new_content(PROJECT) if new else keys.of(PROJECT))
    return raised.value.reason.value


async def test_the_key_of_a_project_is_wrapped_by_its_organizations_key(region: Region, s3: S3Server) -> None:
    arn = s3.kms_arn()
    region.show(customers_table(key_record_of(arn)))
    made = await region.process().of_new_content(PROJECT)
    stored = await region.store.get(PROJECT)
    assert stored is not None
    assert is_external(stored)
    assert arn.encode() in stored
    assert await region.process().of(PROJECT) == made
    with pytest.raises(WrongKeyError):
        await HeldRegionKeys([REGION_KEY]).unwrap(stored, f"domicile project key\n{PROJECT}")


async def test_a_key_that_is_taken_away_and_given_back(region: Region, s3: S3Server) -> None:
    arn = s3.kms_arn()
    region.show(customers_table(key_record_of(arn)))
    keys = region.process()
    made = await keys.of_new_content(PROJECT)
    s3.enable_key(arn, False)
    assert await keys.of(PROJECT) == made
    region.clock.ms += HELD_MS
    assert await refused(keys) == await refused(keys, new=True) == "refused"
    s3.enable_key(arn, True)
    assert await keys.of(PROJECT) == made


async def test_new_content_has_no_other_key(region: Region, s3: S3Server) -> None:
    arn = s3.kms_arn()
    s3.enable_key(arn, False)
    region.show(customers_table(key_record_of(arn)))
    assert await refused(region.process(), new=True) == "refused"
    assert list(await region.store.projects()) == []


async def test_an_archived_project_stays_openable(region: Region, s3: S3Server) -> None:
    region.show(customers_table(key_record_of(s3.kms_arn())))
    made = await region.process().of_new_content(PROJECT)
    region.show(customers_table(project=project_record(project_id="proj_" + "Z" * 24)))
    assert await region.process().of(PROJECT) == made
    assert await region.process().of_new_content(PROJECT) == made


async def test_a_project_in_no_snapshot_gets_no_key(region: Region) -> None:
    with pytest.raises(ProjectDestroyedError):
        await region.process().of_new_content(PROJECT)
    region.show(customers_table())
    assert (await region.process().of_new_content(PROJECT)).project_id == PROJECT


async def test_two_signing_regions_have_keys_apart(region: Region, s3: S3Server) -> None:
    """Also where both are at one host: an ARN selects its service, and that service only knows its own."""
    here, there = s3.kms_arn(), s3.kms_arn(SECOND_REGION)
    for arn in (here, there):
        assert await region.external.check(key_record_of(arn)) is CheckOutcome.USABLE
    elsewhere = there.replace(SECOND_REGION, S3_REGION)
    assert await region.external.check(key_record_of(elsewhere)) is CheckOutcome.REFUSED


@pytest.mark.parametrize("before", ["region", "external"])
@pytest.mark.parametrize("after", ["region", "other key", "unknown key", "another organization's"])
async def test_a_snapshot_that_names_another_key_is_refused(
    region: Region, s3: S3Server, before: str, after: str
) -> None:
    first, second = key_record_of(s3.kms_arn()), key_record_of(s3.kms_arn(), OTHER_KEY)
    region.show(customers_table(first) if before == "external" else customers_table())
    made = await region.process().of_new_content(PROJECT)
    others = {
        "region": customers_table(),
        "other key": customers_table(second),
        "unknown key": customers_table(project=project_record(external_key_id=KEY)),
        "another organization's": customers_table(key_record_of(first.kms_arn, organization_id="org-" + "X" * 24)),
    }
    region.show(others[after])
    if before == after:
        assert await region.process().of(PROJECT) == made
    else:
        assert await refused(region.process()) == await refused(region.process(), new=True) == "contradictory"


async def test_a_wrapped_key_of_another_project_or_organization_does_not_open(region: Region, s3: S3Server) -> None:
    """As somebody would try who may write to the key store: the encryption context binds it."""
    record = key_record_of(s3.kms_arn())
    other = "proj_" + "Z" * 24
    region.show(customers_table(record, others=(project_record(project_id=other, external_key_id=KEY),)))
    await region.process().of_new_content(PROJECT)
    stolen = await region.store.get(PROJECT)
    assert stolen is not None
    await region.store.add(other, stolen)
    await region.store.replace(PROJECT, stolen.replace(b"org-O", b"org-X"))
    for project in (other, PROJECT):
        with pytest.raises(WrongKeyError):
            await region.process().of(project)
    await region.store.replace(PROJECT, b"\x03not what is stored")
    with pytest.raises(WrongKeyError):
        await region.process().of(PROJECT)


async def test_a_key_that_is_not_offered_is_never_asked_for(region: Region, s3: S3Server) -> None:
    asked = s3.requests()
    record = key_record_of(NOWHERE_ARN)
    region.show(customers_table(record))
    assert await refused(region.process(), new=True) == "not_offered"
    assert await region.external.check(record) is CheckOutcome.NOT_OFFERED
    assert s3.requests() == asked


async def test_what_a_check_finds(region: Region, s3: S3Server) -> None:
    record = key_record_of(s3.kms_arn())
    assert await region.external.check(record) is CheckOutcome.USABLE
    s3.enable_key(record.kms_arn, False)
    assert await region.external.check(record) is CheckOutcome.REFUSED
    unknown = key_record_of(f"arn:aws:kms:{S3_REGION}:123456789012:key/00000000-0000-0000-0000-000000000000")
    assert await region.external.check(unknown) is CheckOutcome.REFUSED
    url = "https://127.0.0.1:1"
    async with session_to(destination(url, "DE"), ClientTimeout(total=30), connections=2) as session:
        away = KmsService(session, url, S3_REGION, AwsCredentials("a", "b"), SystemClock())
        keys = ExternalKeys({S3_REGION: away}, region.snapshots)
        assert await keys.check(record) is CheckOutcome.UNREACHABLE


async def test_a_new_region_key_leaves_them_alone_and_an_export_leaves_them_out(region: Region, s3: S3Server) -> None:
    own = "proj_" + "Z" * 24
    region.show(customers_table(key_record_of(s3.kms_arn()), others=(project_record(project_id=own),)))
    keys = region.process()
    made, own_made = await keys.of_new_content(PROJECT), await keys.of_new_content(own)
    stored = await region.store.get(PROJECT)
    rotating = region.process(NEXT_REGION_KEY, REGION_KEY)
    assert await rotating.rewrap_all() == 1
    assert await region.store.get(PROJECT) == stored
    escrowed = await rotating.escrowed()
    assert (escrowed.keys, escrowed.left_out) == ((own_made,), 1)
    assert await region.process(NEXT_REGION_KEY).of(PROJECT) == made


async def test_requests_of_a_project_share_one_call(region: Region, s3: S3Server) -> None:
    region.show(customers_table(key_record_of(s3.kms_arn())))
    await region.process().of_new_content(PROJECT)
    asked, keys = s3.requests(), region.process()
    found = await asyncio.gather(*(keys.of(PROJECT) for _ in range(50)))
    assert (len(set(found)), s3.requests() - asked) == (1, 1)


@pytest.mark.parametrize("kind", ["folder", "database"])
async def test_a_write_that_races_a_destruction_leaves_no_key(
    region: Region, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """The destruction comes after the write has found no key, and before it keeps its own."""
    database: Database | None = None
    if kind == "database":
        server: PostgresServer = request.getfixturevalue("postgresql")
        url = server.database("keys")
        await migrate(url, MIGRATIONS / "keys")
        database = Database(url)
        region.store = DatabaseKeyStore(database)
    region.show(customers_table())
    destroying = region.process()

    class Wrapping(HeldRegionKeys):
        async def wrap(self, key: bytes, purpose: str) -> bytes:
            await destroying.destroy(PROJECT)
            return await super().wrap(key, purpose)

    writing = ProjectKeys(region.store, Wrapping([REGION_KEY]), region.clock, region.external)
    with pytest.raises(ProjectDestroyedError):
        await writing.of_new_content(PROJECT)
    with pytest.raises(ProjectKeyGoneError):
        await region.process().of(PROJECT)
    with pytest.raises(ProjectDestroyedError):
        await region.process().of_new_content(PROJECT)
    assert list(await region.store.projects()) == []
    if database is not None:
        await database.close()
