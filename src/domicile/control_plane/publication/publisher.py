"""Builds, numbers, signs and keeps each region's snapshot, and knows which replicas hold it (design 2)."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from sqlalchemy import insert, select, update

from domicile.boundary import protocol, signing
from domicile.boundary.snapshot import (
    SNAPSHOT_SCHEMA,
    DirectoryEntry,
    Manifest,
    SnapshotQuery,
)
from domicile.boundary.snapshot_v2 import SCHEMA_2
from domicile.boundary.time import SignedTime
from domicile.catalogue.prices import PriceList
from domicile.control_plane import control_errors
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.publication.publisher_keys import PublisherKeys, Signer
from domicile.control_plane.publication.region_shards import RegionShards
from domicile.control_plane.publication.snapshot_feed import Contact, Publication, SnapshotFeed, Version
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

log = structlog.get_logger("publisher")

FIRST_EPOCH = 1


class Publisher:
    """One feed for each configured region. `open` it before use, `run` it beside the listeners, `close` it to stop."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        installation_id: str,
        keys: PublisherKeys,
        directory: Mapping[str, str],
        catalogue_version: str,
        prices: PriceList,
        renewal_s: float = protocol.RENEWAL_S,
    ) -> None:
        """`directory`: each region's code and public host. `catalogue_version`: 16 hex digits."""
        self._database = database
        self._reader = Reader(database)
        self._clock = clock
        self._installation_id = installation_id
        self._keys = keys
        self._directory = tuple(DirectoryEntry(code, host) for code, host in sorted(directory.items()))
        self._catalogue_version = catalogue_version
        self._prices = prices.prices
        self._renewal_s = renewal_s
        self._feeds = {code: SnapshotFeed() for code in directory}
        self._shards = {code: RegionShards(code) for code in directory}
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Publishes every region's first snapshot of this process."""
        for code in self._feeds:
            await self._publish(code)

    async def run(self) -> None:
        """Renews every snapshot until `close`, so that its time stays recent and expired keys leave it."""
        while not self._closed.is_set():
            try:
                async with asyncio.timeout(self._renewal_s):
                    await self._closed.wait()
            except TimeoutError:
                for code in self._feeds:
                    await self._try_publish(code)

    def close(self) -> None:
        """Ends `run`, every poll and every wait for acknowledgements."""
        self._closed.set()
        for feed in self._feeds.values():
            feed.close()

    async def publish(self, touched: Mapping[str, Iterable[str]]) -> None:
        """Publishes committed changes, and waits for the replicas in contact, at most `ACKNOWLEDGEMENT_S`.

        `touched`: by region, the ids of the projects and organizations whose records have changed.
        """
        for code, ids in touched.items():
            if code in self._shards:
                self._shards[code].touch(ids)
        await asyncio.gather(*(self._publish_and_wait(code) for code in touched))

    @property
    def signer(self) -> Signer:
        """The current publisher key with its certificate."""
        return self._keys.current()

    def signed_time(self, nonce: bytes) -> SignedTime:
        """The time, signed by the key that signs snapshots."""
        signer = self._keys.current()
        return signing.sign_time(signer.key, signer.certificate, nonce, self._clock.now_ms())

    @property
    def region_codes(self) -> list[str]:
        """The codes of all configured regions."""
        return list(self._feeds)

    async def newer(self, code: str, replica: str, query: SnapshotQuery) -> Publication | None:
        """Answers a poll: records the replica's snapshot, then waits for a newer one. None when `LONG_POLL_S` is over.

        Raises 409 when the replica's snapshot is newer than any of this database, which was then restored from a backup. Its
        content may be older than the region's, and must not count as newer after enough renewals.
        """
        feed = self._feeds.get(code)
        if feed is None:
            return None
        held = _held(feed, query)
        feed.heard_from(replica, held)
        if feed.is_behind:
            raise control_errors.conflict(
                "new_epoch_required",
                f"A replica of region '{code}' holds a snapshot that this control plane has never published: its database "
                "was restored from a backup. Nothing is published for that region until the operator has declared a new "
                "epoch ('domicile control new-epoch').",
            )
        return await feed.newer(held, protocol.LONG_POLL_S)

    def is_behind(self, code: str) -> bool:
        """Whether this region waits for a new epoch."""
        feed = self._feeds.get(code)
        return feed is not None and feed.is_behind

    def ahead(self, code: str) -> Version:
        """The newest version that a replica of this region has reported since the start; (0, 0) without a report."""
        feed = self._feeds.get(code)
        return feed.ahead if feed else (0, 0)

    def shard(self, code: str, sha256: str) -> bytes | None:
        """A shard of this region's current or previous snapshot; None for any other hash."""
        feed = self._feeds.get(code)
        return None if feed is None else feed.shard(sha256)

    def version(self, code: str) -> Version:
        """The version published last for this region; (0, 0) before the first."""
        feed = self._feeds.get(code)
        return feed.version if feed else (0, 0)

    def contacts(self, code: str) -> dict[str, Contact]:
        """The last poll of each replica of this region, for the last hour, by the replica's id."""
        feed = self._feeds.get(code)
        return feed.contacts() if feed else {}

    async def _publish_and_wait(self, code: str) -> None:
        feed = self._feeds.get(code)
        if feed is None or not await self._try_publish(code):
            return
        await feed.acknowledged(feed.version)

    async def _try_publish(self, code: str) -> bool:
        try:
            await self._publish(code)
        except Exception as error:
            # The change is committed. The next renewal publishes it.
            log.error("publication_failed", region=code, type=type(error).__name__)
            return False
        return True

    async def _publish(self, code: str) -> None:
        feed = self._feeds[code]
        ticket = feed.take_ticket()
        async with feed.lock:
            if feed.served_ticket >= ticket:
                # Another publication began after this change was committed, and holds it.
                return
            serves = feed.last_ticket
            publication = await self._build(code, feed.ahead)
            if publication is None:
                log.error("new_epoch_required", region=code)
                return
            feed.put(publication)
            feed.served_ticket = serves

    async def _build(self, code: str, ahead: Version) -> Publication | None:
        version = await self._next_version(code, ahead)
        if version is None:
            return None
        shards = self._shards[code]
        await shards.refresh(self._reader, self._clock.now_ms())
        # Stamped last: a region that was waiting for this snapshot takes the stamp for the present time.
        now_ms, signer = self._clock.now_ms(), self._keys.current()
        manifests = {
            schema: signing.sign_manifest(
                signer.key,
                Manifest(
                    schema=schema,
                    installation_id=self._installation_id,
                    region=code,
                    epoch=version[0],
                    number=version[1],
                    issued_at_ms=now_ms,
                    key_id=signer.key_id,
                    catalogue_version=self._catalogue_version,
                    directory=self._directory,
                    shards=shards.references(schema),
                    prices=self._prices if schema == SNAPSHOT_SCHEMA else (),
                    # It changes only when a snapshot is signed for another reason, and that is often enough.
                    replicas=0 if schema == SCHEMA_2 else self._feeds[code].in_contact,
                ),
                signer.certificate,
            )
            for schema in (SCHEMA_2, SNAPSHOT_SCHEMA)
        }
        return Publication(version, manifests, shards.bodies(), signer.serial, signer.successions)

    async def _next_version(self, code: str, ahead: Version) -> Version | None:
        """The next version, taken before the content is read: so a higher number never holds older content.

        None when the database is behind `ahead`, the newest version that a region holds.
        """
        table = tables.publication
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(table).where(table.c.region == code))).first()
            if row is not None and (row.epoch, row.number) < ahead:
                return None
            if row is None:
                await connection.execute(insert(table).values(region=code, epoch=FIRST_EPOCH, number=1))
                return FIRST_EPOCH, 1
            await connection.execute(update(table).where(table.c.region == code).values(number=row.number + 1))
            return row.epoch, row.number + 1


def _held(feed: SnapshotFeed, query: SnapshotQuery) -> Version:
    """The version that the replica holds; (0, 0) when its snapshot was signed under another certificate than the current."""
    current = feed.current
    if query.serial and current is not None and query.serial != current.serial:
        return 0, 0
    return query.epoch, query.number
