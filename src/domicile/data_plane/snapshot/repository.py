"""The last verified snapshot on disk, so that a region can restart while the control plane is down."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from domicile.boundary.snapshot import SignedManifest
from domicile.data_plane.tables import snapshot_manifest, snapshot_shard
from domicile.persistence.database import Database


class SnapshotRepository:
    """Manifest and shards, replaced together. All replicas of a region that share a database keep one snapshot in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, signed: SignedManifest, shards: Mapping[str, bytes], version: tuple[int, int]) -> None:
        """`shards`: bytes by SHA-256 in hex. What the manifest no longer names is forgotten in the same transaction.

        The newest stays: a replica that is behind the others, or as far as they are, changes nothing.
        """
        epoch, number = version
        saved = select(snapshot_manifest.c.epoch, snapshot_manifest.c.number)
        async with self._database.transaction() as connection:
            row = (await connection.execute(saved)).one_or_none()
            if row is not None and (row.epoch, row.number) >= version:
                return
            known = set((await connection.execute(select(snapshot_shard.c.sha256))).scalars())
            await connection.execute(delete(snapshot_shard).where(snapshot_shard.c.sha256.not_in(list(shards))))
            new = [{"sha256": name, "body": body} for name, body in shards.items() if name not in known]
            if new:
                await connection.execute(insert(snapshot_shard), new)
            await connection.execute(delete(snapshot_manifest))
            await connection.execute(
                insert(snapshot_manifest).values(
                    id=1, epoch=epoch, number=number, manifest=signed.manifest, signature=signed.signature
                )
            )

    async def load(self) -> tuple[SignedManifest, dict[str, bytes]] | None:
        """What was saved last, to be verified again before use."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(snapshot_manifest))).one_or_none()
            if row is None:
                return None
            shards = (await connection.execute(select(snapshot_shard))).all()
        return SignedManifest(row.manifest, row.signature), {shard.sha256: shard.body for shard in shards}
