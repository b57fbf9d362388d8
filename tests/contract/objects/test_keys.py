"""Every key store, and every provider of a region's key."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientTimeout
from tests.platform.object_servers import S3_KEY_ID, S3_REGION, S3_SECRET, S3Server
from tests.platform.postgresql import PostgresServer

from domicile.apps.region.storage import MIGRATIONS
from domicile.data_plane.egress import destination, session_to
from domicile.data_plane.storage.aws_signature import AwsCredentials
from domicile.data_plane.storage.key_store import (
    FolderKeyStore,
    KeyStore,
    KeyStoreUnavailableError,
    ProjectDestroyedError,
)
from domicile.data_plane.storage.key_store_database import DatabaseKeyStore
from domicile.data_plane.storage.kms import KmsRegionKey, KmsService
from domicile.data_plane.storage.region_key import HeldRegionKeys, RegionKeyProvider, RegionKeyUnavailableError
from domicile.data_plane.storage.wrapping import WrongKeyError
from domicile.kernel.clock import SystemClock
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate


@pytest_asyncio.fixture(params=["folder", "sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeyStore]:
    if request.param == "folder":
        yield FolderKeyStore(tmp_path / "keys")
        return
    url = sqlite_url(tmp_path / "keys.db")
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        url = server.database("keys")
    await migrate(url, MIGRATIONS / "keys")
    database = Database(url)
    yield DatabaseKeyStore(database)
    await database.close()


async def test_the_first_key_of_a_project_stays(store: KeyStore) -> None:
    assert await store.get("proj_1") is None
    assert await store.add("proj_1", b"first") == b"first"
    assert await store.add("proj_1", b"second") == b"first"
    assert await store.get("proj_1") == b"first"
    assert list(await store.projects()) == ["proj_1"]


async def test_a_key_is_replaced_only_while_it_is_there(store: KeyStore) -> None:
    await store.replace("proj_1", b"nothing")
    assert await store.get("proj_1") is None
    await store.add("proj_1", b"first")
    await store.replace("proj_1", b"anew")
    assert await store.get("proj_1") == b"anew"


async def test_a_deleted_key_is_gone(store: KeyStore) -> None:
    await store.add("proj_1", b"first")
    await store.add("proj_2", b"other")
    await store.delete("proj_1")
    await store.delete("proj_1")
    assert (await store.get("proj_1"), list(await store.projects())) == (None, ["proj_2"])


@pytest.mark.parametrize("had_one", [True, False])
async def test_a_destroyed_project_never_gets_another_key(store: KeyStore, had_one: bool) -> None:
    """As a write tries that had begun before the destruction, and a rewrapping that had read the key before."""
    if had_one:
        await store.add("proj_1", b"first")
    await store.delete("proj_1")
    await store.replace("proj_1", b"anew")
    with pytest.raises(ProjectDestroyedError):
        await store.add("proj_1", b"second")
    assert (await store.get("proj_1"), list(await store.projects())) == (None, [])


async def test_a_database_that_is_away_is_no_missing_key(postgresql: PostgresServer) -> None:
    url = postgresql.database("keys")
    await migrate(url, MIGRATIONS / "keys")
    database = Database(url)
    store = DatabaseKeyStore(database)
    with postgresql.gone(), pytest.raises(KeyStoreUnavailableError):
        await store.get("proj_1")
    await database.close()


@pytest_asyncio.fixture(params=["held", "kms"])
async def region_key(request: pytest.FixtureRequest) -> AsyncIterator[RegionKeyProvider]:
    if request.param == "held":
        yield HeldRegionKeys([os.urandom(32)])
        return
    server: S3Server = request.getfixturevalue("s3")
    async with session_to(
        destination(server.url, "DE"), ClientTimeout(total=30), connections=2, ca_file=server.issuer.ca_file
    ) as session:
        credentials = AwsCredentials(S3_KEY_ID, S3_SECRET)
        service = KmsService(session, server.url, S3_REGION, credentials, SystemClock())
        yield KmsRegionKey(service, server.kms_key())


async def test_a_wrapped_key_opens_for_its_purpose_only(region_key: RegionKeyProvider) -> None:
    wrapped = await region_key.wrap(b"k" * 32, "project 1")
    assert await region_key.unwrap(wrapped, "project 1") == b"k" * 32
    assert region_key.is_current(wrapped)
    for damaged, purpose in ((wrapped, "project 2"), (wrapped[:-1] + b"x", "project 1"), (b"", "project 1")):
        with pytest.raises((WrongKeyError, RegionKeyUnavailableError)):
            await region_key.unwrap(damaged, purpose)


async def test_a_service_that_is_away_is_said_so() -> None:
    url = "https://127.0.0.1:1"
    async with session_to(destination(url, "DE"), ClientTimeout(total=30), connections=2) as session:
        key = KmsRegionKey(KmsService(session, url, S3_REGION, AwsCredentials("a", "b"), SystemClock()), "key")
        with pytest.raises(RegionKeyUnavailableError):
            await key.wrap(bytes(32), "p")
