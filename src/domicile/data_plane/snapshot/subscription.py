"""Keeps the current snapshot current: one long poll after the other, for as long as the process lives."""

import asyncio
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.boundary.audit import RegionEventType
from domicile.boundary.snapshot import Manifest, SignedManifest, SnapshotQuery
from domicile.data_plane.control_link import ControlLink, ControlRefusedError, ControlUnreachableError
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.table import CurrentSnapshot, SnapshotTable
from domicile.data_plane.snapshot.verification import SnapshotRefusedError, verify_manifest, verify_shard

log = structlog.get_logger("snapshot")

RETRY_MIN_S = 0.1
RETRY_MAX_S = 2.0


class SnapshotSubscription:
    """Fetches, verifies, saves, swaps. A snapshot that is refused leaves the one before in force."""

    def __init__(
        self,
        link: ControlLink,
        repository: SnapshotRepository,
        current: CurrentSnapshot,
        *,
        region: str,
        enrollment: Enrollment,
        on_event: Callable[[RegionEventType], None],
    ) -> None:
        """`on_event` is told of refusals, for the audit log."""
        self._link = link
        self._repository = repository
        self._current = current
        self._region = region
        self._enrollment = enrollment
        self._on_event = on_event
        self._shards: dict[str, bytes] = {}
        self._refused_because: str | None = None

    async def restore(self) -> None:
        """Takes the saved snapshot, verified as if it had just arrived. Nothing saved, or damaged: none."""
        saved = await self._repository.load()
        if saved is None:
            return
        signed, shards = saved
        try:
            manifest = self._verify(signed)
            self._take(manifest, {reference.sha256: shards[reference.sha256] for reference in manifest.shards})
        except (SnapshotRefusedError, KeyError) as error:
            log.error(
                "saved_snapshot_refused", reason=str(error) if isinstance(error, SnapshotRefusedError) else "incomplete"
            )
            self._on_event(RegionEventType.SNAPSHOT_REFUSED)

    async def run(self) -> None:
        """Polls until cancelled."""
        retry_s = RETRY_MIN_S
        while True:
            try:
                await self._poll_once()
                retry_s, self._refused_because = RETRY_MIN_S, None
                continue
            except SnapshotRefusedError as error:
                self._report_refusal(str(error))
            except ControlRefusedError as error:
                log.error("control_refused", code=error.code)
            except ControlUnreachableError as error:
                log.warning("control_unreachable", reason=str(error))
            except SQLAlchemyError as error:
                log.error("snapshot_not_saved", type=type(error).__name__)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    def _report_refusal(self, reason: str) -> None:
        """Once for as long as it lasts: the same snapshot is offered every other second until somebody has acted."""
        if reason != self._refused_because:
            log.error("snapshot_refused", reason=reason)
            self._on_event(RegionEventType.SNAPSHOT_REFUSED)
        self._refused_because = reason

    async def _poll_once(self) -> None:
        signed = await self._link.newer_snapshot(SnapshotQuery(*self._held()))
        if signed is None:
            return
        manifest = self._verify(signed)
        shards: dict[str, bytes] = {}
        for reference in manifest.shards:
            known = self._shards.get(reference.sha256)
            shards[reference.sha256] = known if known is not None else await self._link.shard(reference.sha256)
        # Swapped before it is saved: a full disk must not keep a revoked key alive.
        self._take(manifest, shards)
        await self._repository.save(signed, shards, (manifest.epoch, manifest.number))

    def _verify(self, signed: SignedManifest) -> Manifest:
        return verify_manifest(signed, region=self._region, enrollment=self._enrollment, held=self._held())

    def _take(self, manifest: Manifest, shards: dict[str, bytes]) -> None:
        verified = [
            verify_shard(shards[reference.sha256], sha256=reference.sha256, index=reference.index, region=self._region)
            for reference in manifest.shards
        ]
        self._current.swap(SnapshotTable.build(manifest, verified))
        self._shards = shards
        log.info("snapshot", epoch=manifest.epoch, number=manifest.number)

    def _held(self) -> tuple[int, int]:
        table = self._current.table
        return (0, 0) if table is None else (table.epoch, table.number)
