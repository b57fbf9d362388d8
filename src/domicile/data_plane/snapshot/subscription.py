"""Keeps the region's snapshot up to date by long polls of the control plane."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import msgspec
import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEventType
from domicile.boundary.signing import public_key_id
from domicile.boundary.snapshot import READABLE_SCHEMAS, Manifest, Shard, SignedManifest, SnapshotQuery
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.control_link import ControlLink, ControlRefusedError, ControlUnreachableError
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.succession import follow
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError, verify_manifest, verify_shard

log = structlog.get_logger("snapshot")

RETRY_MIN_S = 0.1
RETRY_MAX_S = 2.0
NAMED_KEYS = 100
ROOT_KEY_REFRESH_S = 1.0

_Verified = dict[tuple[int, str], Shard]
"""Decoded shards by schema and SHA-256 in hex."""


class SnapshotSubscription:
    """Fetches snapshots, verifies and saves them, and puts them into force. After a refusal the previous one stays in force."""

    def __init__(
        self,
        link: ControlLink,
        repository: SnapshotRepository,
        current: CurrentSnapshot,
        *,
        region: str,
        enrollment: Enrollment,
        clock: RegionClock,
        on_event: Callable[[RegionEventType], None],
        on_snapshot: Callable[[SnapshotTable], None] = lambda _table: None,
    ) -> None:
        """`on_event` gets refusals, for the audit log. `on_snapshot` gets each table once it is in force. `clock` gets the
        signing time of each verified snapshot."""
        self._link = link
        self._repository = repository
        self._current = current
        self._region = region
        self._enrollment = enrollment
        link.trust(enrollment)
        self._clock = clock
        self._on_event = on_event
        self._on_snapshot = on_snapshot
        self._position = Position(serial=enrollment.serial)
        self._shards: dict[str, bytes] = {}
        self._verified: _Verified = {}
        self._refused_because: str | None = None
        self._is_in_contact = False

    async def restore(self) -> None:
        """Verify the saved snapshot and put it into force. Without a saved one, or with a damaged one, there is none."""
        saved = await self._repository.load()
        if saved is None:
            return
        signed, shards = saved
        try:
            manifest, position = self._verify(signed, self._enrollment)
            self._clock.correct(manifest.issued_at_ms, is_fresh=False)
            named = {reference.sha256: shards[reference.sha256] for reference in manifest.shards}
            verified = await self._verify_shards(manifest, named)
            self._take(await self._build(manifest, verified), position, named, verified)
        except (SnapshotRefusedError, KeyError) as error:
            log.error(
                "saved_snapshot_refused", reason=str(error) if isinstance(error, SnapshotRefusedError) else "incomplete"
            )
            self._on_event(RegionEventType.SNAPSHOT_REFUSED)

    async def run(self) -> None:
        """Poll until cancelled."""
        retry_s = RETRY_MIN_S
        while True:
            try:
                await self._poll_once()
                retry_s, self._refused_because, self._is_in_contact = RETRY_MIN_S, None, True
                continue
            except SnapshotRefusedError as error:
                self._report_refusal(str(error))
            except ControlRefusedError as error:
                log.error("control_refused", code=error.code)
            except ControlUnreachableError as error:
                log.warning("control_unreachable", reason=str(error))
            except SQLAlchemyError as error:
                log.error("snapshot_not_saved", type=type(error).__name__)
            self._is_in_contact = False
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    async def watch_root_key(self) -> None:
        """Follow, once a second, a change of the root key by another replica. If the database fails, the last one stays."""
        while True:
            await asyncio.sleep(ROOT_KEY_REFRESH_S)
            before = self._enrollment
            try:
                root_key, serial = await self._repository.trusted()
            except (SQLAlchemyError, OSError) as error:
                log.error("root_key_not_read", type=type(error).__name__)
                continue
            # If the enrollment changed during the read, the result may be outdated.
            if self._enrollment is before and root_key not in {None, before.root_key}:
                self._trust(replace(before, root_key=root_key, serial=serial))

    def _report_refusal(self, reason: str) -> None:
        """Report a refusal once until the reason changes: a refused snapshot is offered again every other second."""
        if reason != self._refused_because:
            log.error("snapshot_refused", reason=reason)
            self._on_event(RegionEventType.SNAPSHOT_REFUSED)
        self._refused_because = reason

    async def _poll_once(self) -> None:
        before = self._enrollment
        signed = await self._ask()
        if signed is None:
            return
        enrollment = follow(signed.successions, before, self._position)
        manifest, position = self._verify(signed, enrollment)
        # It was signed after the answer to the last poll. So it is fresh if that poll was a moment ago.
        self._clock.correct(manifest.issued_at_ms, is_fresh=self._is_in_contact)
        shards: dict[str, bytes] = {}
        for reference in manifest.shards:
            known = self._shards.get(reference.sha256)
            shards[reference.sha256] = known if known is not None else await self._link.shard(reference.sha256)
        verified = await self._verify_shards(manifest, shards)
        table, root_key = await self._build(manifest, verified), enrollment.root_key
        if enrollment is not before:
            # Save the new root key before the snapshot that it certified comes into force.
            await self._repository.save(signed, shards, position, root_key=root_key, succeeds=before.root_key)
            self._trust(enrollment)
            self._take(table, position, shards, verified)
        elif self._enrollment is before:
            # Put into force before it is saved: a full disk must not keep a revoked key alive.
            self._take(table, position, shards, verified)
            await self._repository.save(signed, shards, position, root_key=root_key)
        # Otherwise another replica has changed the root key meanwhile. The next poll asks for snapshots under the new key.

    async def _ask(self) -> SignedManifest | None:
        held, root_key = self._position, self._enrollment.root_key
        root = None if root_key is None else public_key_id(root_key)
        query = SnapshotQuery(held.epoch, held.number, READABLE_SCHEMAS, held.serial, root)
        try:
            return await self._link.newer_snapshot(query)
        except ControlRefusedError as error:
            if root is None or error.code != "unknown_parameter":
                raise
        # An older control plane refuses the newest member of the query: ask as an older region.
        return await self._link.newer_snapshot(msgspec.structs.replace(query, root=None))

    def _verify(self, signed: SignedManifest, enrollment: Enrollment) -> tuple[Manifest, Position]:
        return verify_manifest(signed, region=self._region, enrollment=enrollment, held=self._position)

    def _trust(self, enrollment: Enrollment) -> None:
        self._enrollment = enrollment
        self._link.trust(enrollment)
        log.warning("root_key_taken", key_id=public_key_id(enrollment.root_key or b""))

    async def _verify_shards(self, manifest: Manifest, shards: dict[str, bytes]) -> _Verified:
        """Decode the manifest's shards. Shards of the snapshot in force are reused; others are verified in a thread."""
        verified: _Verified = {}
        for reference in manifest.shards:
            name = (manifest.schema, reference.sha256)
            shard = verified.get(name) or self._verified.get(name)
            if shard is None:
                shard = await asyncio.to_thread(
                    verify_shard,
                    shards[reference.sha256],
                    sha256=reference.sha256,
                    index=reference.index,
                    region=self._region,
                    schema=manifest.schema,
                )
            elif shard.index != reference.index:
                raise SnapshotRefusedError("a shard in the wrong place")
            verified[name] = shard
        return verified

    async def _build(self, manifest: Manifest, verified: _Verified) -> SnapshotTable:
        before = self._current.table
        if before is None:
            return await asyncio.to_thread(SnapshotTable.build, manifest, verified.values())
        gone = [shard for name, shard in self._verified.items() if name not in verified]
        new = [shard for name, shard in verified.items() if name not in self._verified]
        return await asyncio.to_thread(before.replaced, manifest, gone, new)

    def _take(self, table: SnapshotTable, position: Position, shards: dict[str, bytes], verified: _Verified) -> None:
        before = self._current.table
        self._current.swap(table)
        self._position = position
        self._shards, self._verified = shards, verified
        log.info("snapshot", epoch=table.epoch, number=table.number)
        if before is not None and before.epoch != table.epoch:
            _name_new_keys(before, table)
        self._on_snapshot(table)


def _name_new_keys(before: SnapshotTable, after: SnapshotTable) -> None:
    """Log the keys that a new epoch adds. A restored backup revives keys revoked since; only regions can tell which."""
    new = sorted(after.keys[sha256].key_id for sha256 in after.keys.keys() - before.keys.keys())
    log.warning("new_epoch", epoch=after.epoch, keys_not_held_before=len(new), key_ids=new[:NAMED_KEYS])
