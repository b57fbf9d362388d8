"""The subscription against a real boundary server: new snapshots are taken, and nothing else is (design 2)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from domicile.boundary.audit import RegionEventType
from domicile.boundary.enrollment import EnrollmentToken
from domicile.boundary.signing import public_key_bytes, public_key_id, sign_manifest
from domicile.boundary.snapshot import Shard, SignedManifest, SnapshotQuery, Tombstone, digest, encode_shard
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.identity import Enrollment, IdentityRepository
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.subscription import SnapshotSubscription
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError
from domicile.persistence.database import Database
from tests.component.data_plane.boundary_server import (
    Answer,
    BoundaryServer,
    answers,
    boundary_server,
    breaks_off,
    envelope,
    hangs_up,
)
from tests.unit.data_plane.region_parts import (
    INSTALLATION,
    NOW_MS,
    Publisher,
    SetClock,
    bodies,
    database_in,
    new_key,
    region_settings,
    shards_for,
    until,
)


class Subscribed:
    """A region's subscription, and the publisher it trusts."""

    def __init__(
        self,
        server: BoundaryServer,
        link: ControlLink,
        database: Database,
        publisher: Publisher,
        *,
        serial: int = 1,
        enrollment: Enrollment | None = None,
    ) -> None:
        self.server = server
        self.link = link
        self.database = database
        self.publisher = publisher
        self.current = CurrentSnapshot()
        self.events: list[RegionEventType] = []
        self.machine = SetClock()
        self.clock = RegionClock(self.machine)
        self.subscription = SnapshotSubscription(
            link,
            SnapshotRepository(database),
            self.current,
            region="eu",
            enrollment=enrollment or replace(publisher.enrollment, serial=serial),
            clock=self.clock,
            on_event=self.events.append,
        )

    def restarted(self, serial: int = 1) -> "Subscribed":
        return Subscribed(self.server, self.link, self.database, self.publisher, serial=serial)

    def offer(self, shards: list[Shard], **members: object) -> None:
        self.server.shards.update(bodies(shards))
        self.server.offer(self.publisher.publish(shards, **members))

    def query(self, epoch: int, number: int, serial: int = 1) -> SnapshotQuery:
        """What a region of this version asks."""
        return SnapshotQuery(epoch, number, (2, 3), serial, public_key_id(public_key_bytes(self.publisher.root)))

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
        publisher = Publisher()
        await enroll(database, publisher, tmp_path)
        yield Subscribed(server, link, database, publisher)


async def enroll(database: Database, publisher: Publisher, folder: Path) -> None:
    """As at the first start."""
    identities, trusted = IdentityRepository(database), publisher.enrollment
    await identities.open(region_settings(folder), Ed25519PrivateKey.generate())
    assert trusted.root_key is not None
    token = EnrollmentToken(trusted.installation_id, "eu", trusted.root_key, trusted.serial, b"s" * 32)
    await identities.record_enrollment(token, NOW_MS)


async def test_a_wrong_clock_is_set_right_by_what_is_signed(subscribed: Subscribed) -> None:
    """The first snapshot after a start, or after a break, may be old: it only says what the time is not before."""
    subscribed.machine.ms += 3_600_000
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        assert subscribed.clock.correction_ms == 0
        subscribed.offer(shards_for(new_key()), number=2)
        await until(lambda: subscribed.held == (1, 2))
        assert subscribed.clock.now_ms() == NOW_MS
        subscribed.machine.ms += 60_000
        subscribed.server.offer(answers(503), answers(503))
        subscribed.offer(shards_for(new_key()), number=3)
        await until(lambda: subscribed.held == (1, 3))
        assert subscribed.clock.now_ms() == NOW_MS + 60_000


async def test_a_forged_snapshot_sets_no_clock(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        forged = Publisher().publish(shards_for(new_key()), number=2, issued_at_ms=NOW_MS + 3_600_000)
        subscribed.server.offer(forged)
        await until(lambda: subscribed.events == [RegionEventType.SNAPSHOT_REFUSED])
        assert subscribed.clock.correction_ms == 0


async def test_a_saved_snapshot_says_what_the_time_is_not_before(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1, issued_at_ms=NOW_MS + 3_600_000)
        await until(lambda: len(subscribed.server.polls) == 2)
    again = subscribed.restarted()
    await again.subscription.restore()
    assert again.clock.now_ms() == NOW_MS + 3_600_000


async def test_new_snapshots_are_taken_and_acknowledged(subscribed: Subscribed) -> None:
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=1)
        await until(lambda: subscribed.held == (1, 1))
        subscribed.offer(shards_for(new_key()), number=2)
        await until(lambda: subscribed.held == (1, 2))
        subscribed.offer(shards_for(new_key()), epoch=2, number=1)
        await until(lambda: len(subscribed.server.polls) == 4)
    assert subscribed.server.polls == [subscribed.query(*held) for held in ((0, 0), (1, 1), (1, 2), (2, 1))]
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
    assert subscribed.server.polls[-1] == subscribed.query(1, 1)


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
        subscribed.publisher.publish(other, number=9, schema=4),
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
        assert all(asked == subscribed.query(1, 1) for asked in subscribed.server.polls[1:])
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
        subscribed.server.offer(sign_manifest(subscribed.publisher.key, doubled, subscribed.publisher.certificate()))
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


class TestSchemas:
    async def test_a_region_that_was_enrolled_before_root_keys_takes_schema_2(self, subscribed: Subscribed) -> None:
        publisher = subscribed.publisher
        pinned = Enrollment(INSTALLATION, None, 0, public_key_bytes(publisher.key))
        async with subscribed.database.transaction() as connection:
            await connection.execute(text("UPDATE region_identity SET root_key = NULL, publisher_serial = 0"))
        subscribed = Subscribed(subscribed.server, subscribed.link, subscribed.database, publisher, enrollment=pinned)
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1, schema=2)
            await until(lambda: subscribed.held == (1, 1))
        assert subscribed.server.polls[0] == SnapshotQuery(0, 0, (2, 3))
        assert subscribed.events == []

    async def test_a_control_plane_that_reads_schema_1_only_is_not_asked_again(self, subscribed: Subscribed) -> None:
        """It refuses both forms of the poll; what it publishes could not be read."""
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1)
            await until(lambda: subscribed.held == (1, 1))
            subscribed.server.offer(*[answers(400, envelope("unknown_parameter"))] * 2)
            polls = len(subscribed.server.polls)
            await until(lambda: len(subscribed.server.polls) >= polls + 3)
        assert all(query.schemas == (2, 3) for query in subscribed.server.polls)
        assert subscribed.held == (1, 1)

    async def test_both_schemas_of_one_control_plane_are_taken(self, subscribed: Subscribed) -> None:
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1, schema=2)
            await until(lambda: subscribed.held == (1, 1))
            buried = shards_for(new_key())
            buried[0] = msgspec.structs.replace(buried[0], tombstones=(Tombstone("proj_" + "D" * 24, NOW_MS),))
            subscribed.offer(buried, number=2)
            await until(lambda: subscribed.held == (1, 2))
        assert subscribed.current.table is not None
        assert dict(subscribed.current.table.tombstones) == {"proj_" + "D" * 24: NOW_MS}

    async def test_a_schema_to_come_leaves_the_old_snapshot(self, subscribed: Subscribed) -> None:
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1)
            await until(lambda: subscribed.held == (1, 1))
            before = subscribed.current.table
            subscribed.offer(shards_for(new_key()), number=2, schema=4)
            await until(lambda: subscribed.events == [RegionEventType.SNAPSHOT_REFUSED])
            assert subscribed.current.table is before


class TestRotation:
    async def test_the_next_key_is_taken_and_the_old_one_never_again(self, subscribed: Subscribed) -> None:
        old, new = subscribed.publisher, subscribed.publisher.rotated()
        shards = shards_for(new_key())
        async with subscribed.running():
            # Whoever has stolen the key counts as high as he can.
            subscribed.offer(shards_for(new_key()), epoch=2**40, number=2**40)
            await until(lambda: subscribed.held == (2**40, 2**40))
            subscribed.server.shards.update(bodies(shards))
            subscribed.server.offer(new.publish(shards))
            await until(lambda: subscribed.held == (1, 1))
            assert subscribed.events == []
            subscribed.offer(shards_for(new_key()), epoch=2**40, number=2**40 + 1)
            await until(lambda: subscribed.events == [RegionEventType.SNAPSHOT_REFUSED])
            assert subscribed.server.polls[-1] == subscribed.query(1, 1, serial=2)
        # Remembered apart from the snapshot: it holds after a restart that finds no snapshot at all.
        async with subscribed.database.transaction() as connection:
            await connection.execute(text("DELETE FROM snapshot_manifest"))
            serial = (await connection.execute(text("SELECT publisher_serial FROM region_identity"))).scalar_one()
        assert serial == new.serial
        again = subscribed.restarted(serial)
        await again.subscription.restore()
        async with again.running():
            subscribed.server.offer(old.publish(shards, epoch=5))
            await until(lambda: again.events == [RegionEventType.SNAPSHOT_REFUSED])
            assert again.held is None

    async def test_a_saved_snapshot_comes_back_with_its_certificate(self, subscribed: Subscribed) -> None:
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1)
            await until(lambda: len(subscribed.server.polls) == 2)
        async with subscribed.database.transaction() as connection:
            await connection.execute(text("UPDATE snapshot_manifest SET certificate = x'7b7d'"))
        again = subscribed.restarted()
        await again.subscription.restore()
        assert again.held is None, "a damaged certificate is none"
        assert again.events == [RegionEventType.SNAPSHOT_REFUSED]


async def test_after_a_new_epoch_the_log_names_keys_that_were_not_held(
    subscribed: Subscribed, capsys: pytest.CaptureFixture[str]
) -> None:
    revoked = new_key()
    async with subscribed.running():
        subscribed.offer(shards_for(new_key()), number=50)
        await until(lambda: subscribed.held == (1, 50))
        subscribed.offer(shards_for(revoked), number=20)
        await until(lambda: subscribed.events == [RegionEventType.SNAPSHOT_REFUSED])
        assert subscribed.held == (1, 50)
        subscribed.offer(shards_for(revoked), epoch=2, number=1)
        await until(lambda: subscribed.held == (2, 1))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "new_epoch" in line]
    assert "key_" + "0" * 24 in line
    assert revoked not in line


class TestRootRotation:
    async def rotated(self, subscribed: Subscribed) -> tuple[Publisher, SignedManifest, list[Shard]]:
        """A region that holds a snapshot under the root it was enrolled with, and what leads on from there."""
        before, after = subscribed.publisher, subscribed.publisher.succeeded()
        shards = shards_for(new_key())
        subscribed.offer(shards, number=1)
        await until(lambda: len(subscribed.server.polls) == 2, what="it is saved")
        signed = after.publish(shards, number=2)
        return after, msgspec.structs.replace(signed, successions=(before.succession_to(after),)), shards

    async def root_in(self, database: Database) -> object:
        async with database.reading() as connection:
            return (await connection.execute(text("SELECT root_key FROM region_identity"))).scalar_one()

    async def test_it_is_trusted_from_then_on_and_over_restarts_without_the_control_plane(
        self, subscribed: Subscribed
    ) -> None:
        async with subscribed.running():
            after, leading, shards = await self.rotated(subscribed)
            subscribed.server.offer(leading)
            await until(lambda: subscribed.held == (1, 2))
            assert await self.root_in(subscribed.database) == after.enrollment.root_key
            # With the old root key in hand anybody could certify himself, with any serial.
            thief = Publisher(root=subscribed.publisher.root, serial=2**40)
            subscribed.server.offer(thief.publish(shards, number=99))
            await until(lambda: subscribed.events == [RegionEventType.SNAPSHOT_REFUSED])
            subscribed.server.offer(after.publish(shards, number=3))
            await until(lambda: subscribed.held == (1, 3))
            await until(lambda: len(subscribed.server.polls) == 5)
            subscribed.publisher = after
            assert subscribed.server.polls[-1] == subscribed.query(1, 3, serial=3)
        again = subscribed.restarted(serial=3)
        await again.subscription.restore()
        assert again.held == (1, 3)

    async def test_with_a_snapshot_that_is_refused_it_is_not_taken(self, subscribed: Subscribed) -> None:
        async with subscribed.running():
            after, leading, shards = await self.rotated(subscribed)
            for number, refused in enumerate(
                (
                    replace_manifest(leading, after.publish(shards, number=2, region="us")),
                    replace_manifest(leading, Publisher(root=after.root, serial=1).publish(shards, number=2)),
                    replace_manifest(leading, after.publish(shards_for(new_key(), region="us"), number=2)),
                ),
                start=1,
            ):
                subscribed.server.shards.update(bodies(shards_for(new_key(), region="us")))
                subscribed.server.offer(refused)
                await until(lambda: subscribed.server.is_waiting)
                await until(lambda expected=number + 2: len(subscribed.server.polls) == expected)  # type: ignore[misc]
        assert subscribed.held == (1, 1)
        assert await self.root_in(subscribed.database) == subscribed.publisher.enrollment.root_key

    async def test_what_cannot_be_saved_is_not_in_force(self, subscribed: Subscribed) -> None:
        """Else a restart would trust the old root and hold nothing that it has certified."""
        async with subscribed.running():
            _, leading, _ = await self.rotated(subscribed)
            async with subscribed.database.transaction() as connection:
                await connection.execute(text("ALTER TABLE snapshot_manifest RENAME TO away"))
            subscribed.server.offer(leading, leading)
            await until(lambda: len(subscribed.server.polls) == 4)
            assert subscribed.held == (1, 1)
            assert await self.root_in(subscribed.database) == subscribed.publisher.enrollment.root_key
            async with subscribed.database.transaction() as connection:
                await connection.execute(text("ALTER TABLE away RENAME TO snapshot_manifest"))
            subscribed.server.offer(leading)
            await until(lambda: subscribed.held == (1, 2))

    async def test_a_replica_follows_the_one_that_was_faster(self, subscribed: Subscribed) -> None:
        """And what the old root certified cannot replace what is on disk."""
        slow = subscribed.restarted()
        async with subscribed.running():
            after, leading, shards = await self.rotated(subscribed)
            await slow.subscription.restore()
            subscribed.server.offer(leading)
            await until(lambda: subscribed.held == (1, 2))
        repository, position = SnapshotRepository(subscribed.database), Position(2**40, 1, 1)
        with pytest.raises(SnapshotRefusedError, match="has been replaced"):
            old = subscribed.publisher.enrollment.root_key
            await repository.save(subscribed.publisher.publish([]), {}, position, root_key=old)
        assert (await repository.load() or (None,))[0] == msgspec.structs.replace(leading, successions=())
        watching = asyncio.create_task(slow.subscription.watch_root_key())
        try:
            async with slow.running():
                # The poll that waits now was asked under the old root: a thief answers it once the new one is known.
                await until(lambda: slow.subscription._enrollment.root_key == after.enrollment.root_key)
                slow.server.offer(Publisher(root=slow.publisher.root, serial=2**40).publish(shards, number=99))
                slow.server.offer(after.publish(shards, number=3))
                await until(lambda: slow.held == (1, 3))
            assert slow.events == []
        finally:
            watching.cancel()

    async def test_a_control_plane_of_the_version_before_is_asked_without_it(self, subscribed: Subscribed) -> None:
        subscribed.server.offer(answers(400, envelope("unknown_parameter")))
        async with subscribed.running():
            subscribed.offer(shards_for(new_key()), number=1)
            await until(lambda: subscribed.held == (1, 1))
        assert subscribed.server.polls[:2] == [subscribed.query(0, 0), SnapshotQuery(0, 0, (2, 3), 1)]


def replace_manifest(leading: SignedManifest, signed: SignedManifest) -> SignedManifest:
    """Another snapshot with the same succession."""
    return msgspec.structs.replace(signed, successions=leading.successions)


class TestRepository:
    async def test_what_a_manifest_no_longer_names_is_forgotten(self, subscribed: Subscribed) -> None:
        repository = SnapshotRepository(subscribed.database)
        root = subscribed.publisher.enrollment.root_key
        assert await repository.load() is None
        first, second = shards_for(new_key()), shards_for(new_key())
        for number, shards in enumerate((first, second), 1):
            await repository.save(
                subscribed.publisher.publish(shards), bodies(shards), Position(1, 1, number), root_key=root
            )
            loaded = await repository.load()
            assert loaded == (subscribed.publisher.publish(shards), bodies(shards))

    async def test_a_snapshot_without_shards_is_saved_too(self, subscribed: Subscribed) -> None:
        repository = SnapshotRepository(subscribed.database)
        root = subscribed.publisher.enrollment.root_key
        await repository.save(
            subscribed.publisher.publish(shards_for()), bodies(shards_for()), Position(1, 1, 1), root_key=root
        )
        empty = subscribed.publisher.publish([], number=2)
        await repository.save(empty, {}, Position(1, 1, 2), root_key=root)
        assert await repository.load() == (empty, {})

    @pytest.mark.parametrize("late", [(1, 1, 7), (1, 1, 6), (1, 0, 9), (0, 9, 9)])
    async def test_the_newest_stays(self, subscribed: Subscribed, late: tuple[int, int, int]) -> None:
        repository = SnapshotRepository(subscribed.database)
        root = subscribed.publisher.enrollment.root_key
        newest, other = subscribed.publisher.publish(shards_for()), subscribed.publisher.publish([])
        await repository.save(newest, bodies(shards_for()), Position(1, 1, 7), root_key=root)
        await repository.save(other, {}, Position(*late), root_key=root)
        assert await repository.load() == (newest, bodies(shards_for()))
        await repository.save(other, {}, Position(1, 2, 1), root_key=root)
        assert await repository.load() == (other, {})
