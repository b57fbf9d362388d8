"""The subscription against a real boundary server: new snapshots are taken, and nothing else is (design 2)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import text

from domicile.boundary.audit import RegionEventType
from domicile.boundary.signing import sign_manifest
from domicile.boundary.snapshot import Shard, SignedManifest, SnapshotQuery, digest, encode_shard
from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.subscription import SnapshotSubscription
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from tests.unit.data_plane.boundary_server import (
    Answer,
    BoundaryServer,
    answers,
    boundary_server,
    breaks_off,
    envelope,
    hangs_up,
)
from tests.unit.data_plane.region_parts import Publisher, bodies, database_in, new_key, shards_for, until


class Subscribed:
    """A region's subscription, and the publisher it trusts."""

    def __init__(self, server: BoundaryServer, link: ControlLink, database: Database, publisher: Publisher) -> None:
        self.server = server
        self.link = link
        self.database = database
        self.publisher = publisher
        self.current = CurrentSnapshot()
        self.events: list[RegionEventType] = []
        self.subscription = SnapshotSubscription(
            link,
            SnapshotRepository(database),
            self.current,
            region="eu",
            enrollment=publisher.enrollment,
            on_event=self.events.append,
        )

    def restarted(self) -> "Subscribed":
        return Subscribed(self.server, self.link, self.database, self.publisher)

    def offer(self, shards: list[Shard], **members: object) -> None:
        self.server.shards.update(bodies(shards))
        self.server.offer(self.publisher.publish(shards, **members))

    @property
    def held(self) -> tuple[int, int] | None:
        table = self.current.table
        return None if table is None else (table.epoch, table.number)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(self.subscription.run())
        try:
            yield task
            assert not task.done(), "the subscription has ended"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest_asyncio.fixture
async def subscribed(tmp_path: Path) -> AsyncIterator[Subscribed]:
    async with boundary_server() as (server, link), database_in(tmp_path, "region") as database:
        yield Subscribed(server, link, database, Publisher())


async def test_new_snapshots_are_taken_and_acknowledged(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        subscribed.offer(shards_for(new_key()), number=2)
        await until(lambda: subscribed.held == (1, 2))
        subscribed.offer(shards_for(new_key()), epoch=2, number=1)
        await until(lambda: len(subscribed.server.polls) == 4)
    assert subscribed.server.polls == [SnapshotQuery(*held) for held in ((0, 0), (1, 1), (1, 2), (2, 1))]
    assert subscribed.events == []


async def test_only_changed_shards_are_fetched(subscribed: Subscribed) -> None:
    first, second = shards_for(new_key()), shards_for(new_key())
    assert first[1] == second[1]
    async with subscribed.running():
        subscribed.offer(first, number=1)
        await until(lambda: subscribed.held == (1, 1))
        assert sorted(subscribed.server.fetched) == sorted(bodies(first))
        subscribed.server.fetched.clear()
        subscribed.offer(second, number=2)
        await until(lambda: subscribed.held == (1, 2))
        assert subscribed.server.fetched == [digest(encode_shard(second[0]))]
        subscribed.server.fetched.clear()
        subscribed.offer(second, number=3)
        await until(lambda: subscribed.held == (1, 3))
    assert subscribed.server.fetched == []


async def test_no_news_is_no_change(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        subscribed.server.offer(answers(204))
        await until(lambda: len(subscribed.server.polls) == 3)
    assert subscribed.held == (1, 1)
    assert subscribed.server.polls[-1] == SnapshotQuery(1, 1)


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(answers(500), id="500"),
        pytest.param(answers(503, b"<html>"), id="503"),
        pytest.param(answers(404, b"<html>"), id="404"),
        pytest.param(answers(403, envelope("bad_signature")), id="bad-signature"),
        pytest.param(answers(302, b"", location="http://127.0.0.1:9/"), id="redirect"),
        pytest.param(answers(200, b"<html>welcome</html>"), id="html"),
        pytest.param(answers(200, b'{"manifest":"AAAA"'), id="half-json"),
        pytest.param(answers(200, b'{"manifest":"\xff"}'), id="no-utf-8"),
        pytest.param(answers(200, b'{"manifest":' + b"[" * 100_000), id="deep"),
        pytest.param(answers(200, b'{"manifest":"AAAA","signature":"AAAA","more":1}'), id="unknown-member"),
        pytest.param(hangs_up, id="hangs-up"),
        pytest.param(breaks_off, id="breaks-off"),
    ],
)
async def test_trouble_leaves_the_old_one_in_force_and_passes(subscribed: Subscribed, trouble: Answer) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        before = subscribed.current.table
        subscribed.server.offer(trouble)
        await until(lambda: subscribed.server.is_waiting)
        assert subscribed.current.table is before
        subscribed.offer(shards_for(new_key()), number=2)
        await until(lambda: subscribed.held == (1, 2))
    assert subscribed.events == []


async def test_what_is_refused_leaves_the_old_one_in_force_and_is_reported(subscribed: Subscribed) -> None:
    good, other = shards_for(new_key()), shards_for(new_key())
    refused: list[SignedManifest] = [
        Publisher().publish(other, number=9),
        subscribed.publisher.publish(other, number=1),
        subscribed.publisher.publish(other, number=9, region="us"),
        subscribed.publisher.publish(other, number=9, schema=2),
    ]
    async with subscribed.running():
        subscribed.offer(good, number=1)
        await until(lambda: subscribed.held == (1, 1))
        before = subscribed.current.table
        for number, signed in enumerate(refused, start=1):
            subscribed.server.offer(signed)
            await until(lambda expected=number: len(subscribed.events) == expected)  # type: ignore[misc]
            assert subscribed.current.table is before
        assert subscribed.events == [RegionEventType.SNAPSHOT_REFUSED] * 4
        assert all(query == SnapshotQuery(1, 1) for query in subscribed.server.polls[1:])
        subscribed.offer(other, number=2)
        await until(lambda: subscribed.held == (1, 2))


async def test_one_refusal_that_lasts_is_reported_once(subscribed: Subscribed) -> None:
    old = subscribed.publisher.publish(shards_for(new_key()), number=1)
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=5)
        subscribed.server.offer(old, old, old)
        await until(lambda: len(subscribed.server.polls) == 5)
        assert subscribed.events == [RegionEventType.SNAPSHOT_REFUSED]
        subscribed.offer(shards_for(new_key()), number=6)
        subscribed.server.offer(old)
        await until(lambda: len(subscribed.events) == 2, what="after a good one it is news again")


async def test_shards_that_are_not_those_of_the_manifest_are_refused_whole(subscribed: Subscribed) -> None:
    good = shards_for(new_key())
    async with subscribed.running():
        subscribed.offer(good, number=1)
        await until(lambda: subscribed.held == (1, 1))
        before = subscribed.current.table
        other = shards_for(new_key())
        names = bodies(other)
        changed = digest(encode_shard(other[0]))
        subscribed.server.shards[changed] = names[changed] + b" "
        subscribed.server.offer(subscribed.publisher.publish(other, number=2))
        await until(lambda: subscribed.events)
        assert subscribed.current.table is before
        # The publisher's own mistake: a shard that says it is of another region.
        foreign = shards_for(new_key(), region="us")
        subscribed.offer(foreign, number=3)
        await until(lambda: len(subscribed.events) == 2)
        assert subscribed.current.table is before
        # And one shard named twice, at two places.
        subscribed.offer(good, number=4)
        await until(lambda: subscribed.held == (1, 4))
        before = subscribed.current.table
        twice = subscribed.publisher.manifest(good, number=5)
        reference = twice.shards[1]
        moved = msgspec.structs.replace(reference, index=(reference.index + 1) % 64)
        doubled = msgspec.structs.replace(twice, shards=(reference, moved))
        subscribed.server.offer(sign_manifest(subscribed.publisher.key, doubled))
        await until(lambda: len(subscribed.events) == 3)
        assert subscribed.current.table is before


async def test_a_shard_that_cannot_be_had_leaves_the_old_one(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        other = shards_for(new_key())
        subscribed.server.offer(subscribed.publisher.publish(other, number=2))
        await until(lambda: digest(encode_shard(other[0])) in subscribed.server.fetched)
        await until(lambda: len(subscribed.server.polls) == 3)
        assert subscribed.held == (1, 1)
        subscribed.offer(other, number=2)
        await until(lambda: subscribed.held == (1, 2))


class TestRestart:
    @pytest_asyncio.fixture
    async def saved(self, subscribed: Subscribed) -> Subscribed:
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1)
            # The next poll comes after the snapshot was saved.
            await until(lambda: len(subscribed.server.polls) == 2)
        return subscribed

    async def execute(self, subscribed: Subscribed, statement: str, **values: object) -> None:
        async with subscribed.database.transaction() as connection:
            result = await connection.execute(text(statement), values)
            assert result.rowcount > 0

    async def assert_nothing_is_restored(self, subscribed: Subscribed) -> None:
        again = subscribed.restarted()
        await again.subscription.restore()
        assert again.current.table is None
        assert again.events == [RegionEventType.SNAPSHOT_REFUSED]
        async with again.running():
            again.offer(shards_for(new_key()), number=2)
            await until(lambda: again.held == (1, 2), what="the next one is taken")

    async def test_a_saved_snapshot_is_restored_without_the_control_plane(self, saved: Subscribed) -> None:
        again = saved.restarted()
        await again.subscription.restore()
        assert again.held == (1, 1)
        assert again.current.table == saved.current.table
        assert again.events == []

    async def test_after_it_only_changed_shards_are_fetched(self, saved: Subscribed) -> None:
        again = saved.restarted()
        await again.subscription.restore()
        saved.server.fetched.clear()
        other = shards_for(new_key())
        async with again.running():
            again.offer(other, number=2)
            await until(lambda: again.held == (1, 2))
        assert saved.server.fetched == [digest(encode_shard(other[0]))]

    async def test_before_the_first_there_is_none(self, subscribed: Subscribed) -> None:
        await subscribed.subscription.restore()
        assert subscribed.current.table is None
        assert subscribed.events == []

    async def test_a_damaged_manifest_is_refused(self, saved: Subscribed) -> None:
        async with saved.database.reading() as connection:
            data = (await connection.execute(text("SELECT manifest FROM snapshot_manifest"))).scalar_one()
        damaged = data.replace(b'"number":1', b'"number":9')
        assert damaged != data
        await self.execute(saved, "UPDATE snapshot_manifest SET manifest = :data", data=damaged)
        await self.assert_nothing_is_restored(saved)

    async def test_a_damaged_shard_is_refused(self, saved: Subscribed) -> None:
        await self.execute(saved, "UPDATE snapshot_shard SET body = substr(body, 2)")
        await self.assert_nothing_is_restored(saved)

    async def test_a_missing_shard_is_refused(self, saved: Subscribed) -> None:
        await self.execute(saved, "DELETE FROM snapshot_shard WHERE rowid = (SELECT min(rowid) FROM snapshot_shard)")
        await self.assert_nothing_is_restored(saved)

    async def test_a_damaged_signature_is_refused(self, saved: Subscribed) -> None:
        await self.execute(saved, "UPDATE snapshot_manifest SET signature = x'00'")
        await self.assert_nothing_is_restored(saved)

    async def test_another_installations_database_is_refused(self, saved: Subscribed) -> None:
        again = Subscribed(saved.server, saved.link, saved.database, Publisher())
        await again.subscription.restore()
        assert again.current.table is None
        assert again.events == [RegionEventType.SNAPSHOT_REFUSED]

    async def test_what_cannot_be_saved_is_in_force_all_the_same(self, saved: Subscribed) -> None:
        """A full disk must not keep a revoked key alive."""
        async with saved.database.transaction() as connection:
            await connection.execute(text("DROP TABLE snapshot_manifest"))
        async with saved.running():
            saved.offer(shards_for(new_key()), number=2)
            await until(lambda: saved.held == (1, 2))
            saved.offer(shards_for(new_key()), number=3)
            await until(lambda: saved.held == (1, 3))


class TestRepository:
    async def test_what_a_manifest_no_longer_names_is_forgotten(self, subscribed: Subscribed) -> None:
        repository = SnapshotRepository(subscribed.database)
        assert await repository.load() is None
        first, second = shards_for(new_key()), shards_for(new_key())
        for number, shards in enumerate((first, second), 1):
            await repository.save(subscribed.publisher.publish(shards), bodies(shards), (1, number))
            loaded = await repository.load()
            assert loaded == (subscribed.publisher.publish(shards), bodies(shards))

    async def test_a_snapshot_without_shards_is_saved_too(self, subscribed: Subscribed) -> None:
        repository = SnapshotRepository(subscribed.database)
        await repository.save(subscribed.publisher.publish(shards_for()), bodies(shards_for()), (1, 1))
        empty = subscribed.publisher.publish([], number=2)
        await repository.save(empty, {}, (1, 2))
        assert await repository.load() == (empty, {})

    @pytest.mark.parametrize("late", [(1, 7), (1, 6), (0, 9)])
    async def test_the_newest_stays(self, subscribed: Subscribed, late: tuple[int, int]) -> None:
        repository = SnapshotRepository(subscribed.database)
        newest, other = subscribed.publisher.publish(shards_for()), subscribed.publisher.publish([])
        await repository.save(newest, bodies(shards_for()), (1, 7))
        await repository.save(other, {}, late)
        assert await repository.load() == (newest, bodies(shards_for()))
        await repository.save(other, {}, (2, 1))
        assert await repository.load() == (other, {})
