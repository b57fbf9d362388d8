"""The publisher by itself: renewal, failure, and the end of waiting."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from domicile.apps.control.storage import MIGRATIONS
from domicile.boundary import signing
from domicile.boundary.snapshot import SnapshotQuery
from domicile.control_plane.publication.publisher import Publisher
from domicile.control_plane.publication.publisher_keys import PublisherKeys
from domicile.control_plane.publication.snapshot_feed import Publication, SnapshotFeed
from domicile.kernel.clock import SystemClock
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from tests.component.control_plane.platform_under_test import CATALOGUE

INSTALLATION = "inst_" + "0" * 24


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database with every table."""
    url = sqlite_url(tmp_path / "control.db")
    await migrate(url, MIGRATIONS)
    database = Database(url)
    yield database
    await database.close()


def publisher(database: Database, folder: Path) -> Publisher:
    """One region, renewed almost without pause."""
    return Publisher(
        database,
        SystemClock(),
        installation_id=INSTALLATION,
        keys=PublisherKeys(folder, INSTALLATION, 1),
        directory={"us": "us.domicile.example"},
        catalogue_version=CATALOGUE.version,
        prices=CATALOGUE.prices,
        renewal_s=0.01,
    )


async def _after(publisher: Publisher, number: int) -> Publication:
    async with asyncio.timeout(10):
        while True:
            epoch, held = publisher.version("us")
            newer = await publisher.newer("us", "rep_" + "0" * 24, SnapshotQuery(epoch, held))
            assert newer is not None
            if newer.version[1] > number:
                return newer


async def test_a_snapshot_is_renewed_without_any_change(database: Database, tmp_path: Path) -> None:
    tested = publisher(database, tmp_path)
    await tested.open()
    assert tested.version("us") == (1, 1)
    async with asyncio.TaskGroup() as group:
        group.create_task(tested.run())
        later = await _after(tested, 3)
        tested.close()
    manifest = signing.open_manifest(signing.public_key_bytes(tested.signer.key), later.manifests[2])
    assert (manifest.epoch, manifest.number) == later.version
    assert manifest.number >= 4
    async with database.reading() as connection:
        stored = (await connection.execute(text("SELECT epoch, number FROM publication"))).one()
    assert tuple(stored) == tested.version("us")


async def test_a_snapshot_says_how_many_replicas_are_in_contact(database: Database, tmp_path: Path) -> None:
    tested = publisher(database, tmp_path)
    await tested.open()
    for number in range(3):
        assert await tested.newer("us", f"rep_{number:024}", SnapshotQuery(0, 0)) is not None
    assert tested.version("us") == (1, 1), "a replica that is new makes no publication"
    await tested.publish({"us": ()})
    publication = await tested.newer("us", f"rep_{0:024}", SnapshotQuery(1, 1))
    assert publication is not None
    key = signing.public_key_bytes(tested.signer.key)
    found = {schema: signing.open_manifest(key, signed).replicas for schema, signed in publication.manifests.items()}
    assert found == {2: 0, 3: 3}


async def test_a_failed_publication_is_made_up_for_by_the_renewal(database: Database, tmp_path: Path) -> None:
    tested = publisher(database, tmp_path)
    await tested.open()
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE publication RENAME TO hidden"))
    # What is committed is committed: the caller must not be told otherwise.
    await tested.publish({"us": ()})
    assert tested.version("us") == (1, 1)
    async with database.transaction() as connection:
        await connection.execute(text("ALTER TABLE hidden RENAME TO publication"))
    async with asyncio.TaskGroup() as group:
        group.create_task(tested.run())
        await _after(tested, 1)
        tested.close()


async def test_changes_at_the_same_time_share_publications(database: Database, tmp_path: Path) -> None:
    tested = publisher(database, tmp_path)
    await tested.open()
    await asyncio.gather(*(tested.publish({"us": ()}) for _ in range(20)))
    assert 2 <= tested.version("us")[1] <= 4


async def test_a_region_that_is_not_configured_has_nothing(database: Database, tmp_path: Path) -> None:
    tested = publisher(database, tmp_path)
    await tested.open()
    await tested.publish({"mars": ()})
    assert await tested.newer("mars", "rep", SnapshotQuery(0, 0)) is None
    assert tested.shard("mars", "0" * 64) is None
    assert (tested.version("mars"), tested.contacts("mars")) == ((0, 0), {})


async def test_waiting_for_an_acknowledgement_ends() -> None:
    feed = SnapshotFeed()
    assert await feed.acknowledged((1, 1)) is True
    feed.heard_from("a", (1, 0))
    waiting = asyncio.create_task(feed.acknowledged((1, 1)))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.heard_from("b", (1, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    feed.heard_from("a", (1, 1))
    assert await waiting is True
    assert await feed.acknowledged((1, 2)) is False
    waiting = asyncio.create_task(feed.acknowledged((2, 0)))
    await asyncio.sleep(0)
    feed.close()
    async with asyncio.timeout(0.5):
        assert await waiting is False


async def test_a_poll_without_news_ends_with_nothing() -> None:
    feed = SnapshotFeed()
    assert await feed.newer((0, 0), 0.01) is None
    feed.close()
    assert await feed.newer((0, 0), 60) is None
