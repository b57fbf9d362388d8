"""The last verified snapshot on disk, so that a region can restart while the control plane is down."""

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from domicile.boundary.snapshot import SignedManifest
from domicile.data_plane.tables import snapshot_manifest, snapshot_shard
from domicile.persistence.database import Database


class SnapshotRepository:
    """Manifest and shards, replaced together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, signed: SignedManifest, shards: Mapping[str, bytes]) -> None:
        """`shards`: bytes by SHA-256 in hex. What the manifest no longer names is forgotten in the same transaction."""
        async with self._database.transaction() as connection:
            known = set((await connection.execute(select(snapshot_shard.c.sha256))).scalars())
            await connection.execute(delete(snapshot_shard).where(snapshot_shard.c.sha256.not_in(list(shards))))
            new = [{"sha256": name, "body": body} for name, body in shards.items() if name not in known]
            if new:
                await connection.execute(insert(snapshot_shard), new)
            await connection.execute(delete(snapshot_manifest))
            await connection.execute(
                insert(snapshot_manifest).values(id=1, manifest=signed.manifest, signature=signed.signature)
            )

    async def load(self) -> tuple[SignedManifest, dict[str, bytes]] | None:
        """What was saved last, to be verified again before use."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(snapshot_manifest))).one_or_none()
            if row is None:
                return None
            shards = (await connection.execute(select(snapshot_shard))).all()
        return SignedManifest(row.manifest, row.signature), {shard.sha256: shard.body for shard in shards}
