"""Builds, numbers, signs and keeps each region's snapshot, and knows which replicas hold it (design 2)."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select, update

from domicile.boundary import protocol, signing
from domicile.boundary.snapshot import (
    SNAPSHOT_SCHEMA,
    DirectoryEntry,
    Manifest,
    ShardReference,
    SignedManifest,
    digest,
)
from domicile.control_plane import tables
from domicile.control_plane.channel import Channel, Contact, Publication, Version
from domicile.control_plane.enforcement import EVERY_ORGANIZATION
from domicile.control_plane.shards import read_shards
from domicile.control_plane.transactions import Reading
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

log = structlog.get_logger("publisher")

FIRST_EPOCH = 1


class Publisher:
    """One channel for each configured region. `open` it before use, `run` it beside the listeners, `close` it to stop."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        installation_id: str,
        key: Ed25519PrivateKey,
        directory: Mapping[str, str],
        catalogue_version: str,
        renewal_s: float = protocol.RENEWAL_S,
    ) -> None:
        """`directory`: each region's code and public host. `catalogue_version`: 16 hex digits."""
        self._database = database
        self._clock = clock
        self._installation_id = installation_id
        self._key = key
        self.public_key = signing.public_key_bytes(key)
        self.public_key_id = signing.public_key_id(self.public_key)
        self._directory = tuple(DirectoryEntry(code, host) for code, host in sorted(directory.items()))
        self._catalogue_version = catalogue_version
        self._renewal_s = renewal_s
        self._channels = {code: Channel() for code in directory}
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Publishes every region's first snapshot of this process."""
        for code in self._channels:
            await self._publish(code)

    async def run(self) -> None:
        """Renews every snapshot until `close`: each manifest then says how fresh it is, and expired keys have gone."""
        while not self._closed.is_set():
            try:
                async with asyncio.timeout(self._renewal_s):
                    await self._closed.wait()
            except TimeoutError:
                for code in self._channels:
                    await self._try_publish(code)

    def close(self) -> None:
        """Ends every poll and every wait."""
        self._closed.set()
        for channel in self._channels.values():
            channel.close()

    async def publish(self, codes: Iterable[str]) -> None:
        """Publishes what has been committed and waits for the replicas in contact, `ACKNOWLEDGEMENT_S` at most."""
        await asyncio.gather(*(self._publish_and_wait(code) for code in codes))

    async def newer(self, code: str, replica: str, held: Version) -> Publication | None:
        """A poll: acknowledges what the replica holds, and waits for something newer. None when time is over."""
        channel = self._channels.get(code)
        if channel is None:
            return None
        channel.heard_from(replica, held)
        return await channel.newer(held, protocol.LONG_POLL_S)

    def shard(self, code: str, sha256: str) -> bytes | None:
        """A shard of this region's current snapshot or of the one before it."""
        channel = self._channels.get(code)
        return None if channel is None else channel.shard(sha256)

    def version(self, code: str) -> Version:
        """What was published last for this region."""
        channel = self._channels.get(code)
        return channel.version if channel else (0, 0)

    def contacts(self, code: str) -> dict[str, Contact]:
        """The replicas of this region that were heard within the last hour."""
        channel = self._channels.get(code)
        return channel.contacts() if channel else {}

    async def _publish_and_wait(self, code: str) -> None:
        channel = self._channels.get(code)
        if channel is None or not await self._try_publish(code):
            return
        await channel.acknowledged(channel.version)

    async def _try_publish(self, code: str) -> bool:
        try:
            await self._publish(code)
        except Exception as error:
            # What is committed stays committed; the renewal, soon, publishes it.
            log.error("publication_failed", region=code, type=type(error).__name__)
            return False
        return True

    async def _publish(self, code: str) -> None:
        channel = self._channels[code]
        ticket = channel.ask()
        async with channel.lock:
            if channel.covered >= ticket:
                # Another publication began after this change was committed, and holds it.
                return
            covers = channel.asked
            channel.put(await self._build(code))
            channel.covered = covers

    async def _build(self, code: str) -> Publication:
        epoch, number = await self._next_version(code)
        now_ms = self._clock.now_ms()
        async with self._database.reading(rows_of=EVERY_ORGANIZATION) as connection:
            shards = await read_shards(Reading(connection), code, now_ms)
        bodies = {digest(body): body for body in shards.values()}
        manifest = Manifest(
            schema=SNAPSHOT_SCHEMA,
            installation_id=self._installation_id,
            region=code,
            epoch=epoch,
            number=number,
            issued_at_ms=now_ms,
            key_id=self.public_key_id,
            catalogue_version=self._catalogue_version,
            directory=self._directory,
            shards=tuple(ShardReference(index, digest(body)) for index, body in sorted(shards.items())),
        )
        signed: SignedManifest = signing.sign_manifest(self._key, manifest)
        return Publication((epoch, number), signed, bodies)

    async def _next_version(self, code: str) -> Version:
        """Taken before the content is read: a higher number never holds older content."""
        table = tables.publication
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(table).where(table.c.region == code))).first()
            if row is None:
                await connection.execute(insert(table).values(region=code, epoch=FIRST_EPOCH, number=1))
                return FIRST_EPOCH, 1
            await connection.execute(update(table).where(table.c.region == code).values(number=row.number + 1))
            return row.epoch, row.number + 1
