"""Keeps the last verified snapshot on disk, so that a region can restart while the control plane is down."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import delete, insert, select, update

from domicile.boundary.publisher_key import SignedCertificate
from domicile.boundary.snapshot import SignedManifest
from domicile.data_plane.snapshot.verification import Position, SnapshotRefusedError
from domicile.data_plane.tables import region_identity, snapshot_manifest, snapshot_shard
from domicile.persistence.database import Database


class SnapshotRepository:
    """Stores one manifest with its shards. Replicas that share a database also share the stored snapshot."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(
        self,
        signed: SignedManifest,
        shards: Mapping[str, bytes],
        position: Position,
        *,
        root_key: bytes | None,
        succeeds: bytes | None = None,
    ) -> None:
        """Replace the stored snapshot in one transaction, unless the stored one is as new or newer.

        `shards`: bytes by SHA-256 in hex. Stored shards that are not among them are deleted. The certificate's serial is also
        stored with the region's identity, where it survives a damaged snapshot.

        `root_key`: certified the manifest's signer. `succeeds`: the trusted root key that `root_key` replaces, in the same
        transaction; None for no change of the root key. Raises `SnapshotRefusedError`, and changes nothing, if the region
        trusts a third root key, since another replica was faster.
        """
        certificate = signed.certificate
        saved = select(snapshot_manifest.c.serial, snapshot_manifest.c.epoch, snapshot_manifest.c.number)
        async with self._database.transaction() as connection:
            if succeeds is not None:
                trusted = region_identity.c.root_key
                await connection.execute(update(region_identity).where(trusted == succeeds).values(root_key=root_key))
            if (await connection.execute(select(region_identity.c.root_key))).scalar_one_or_none() != root_key:
                raise SnapshotRefusedError("certified by a root key that has been replaced")
            row = (await connection.execute(saved)).one_or_none()
            if row is not None and Position(row.serial, row.epoch, row.number) >= position:
                return
            known = set((await connection.execute(select(snapshot_shard.c.sha256))).scalars())
            await connection.execute(delete(snapshot_shard).where(snapshot_shard.c.sha256.not_in(list(shards))))
            new = [{"sha256": name, "body": body} for name, body in shards.items() if name not in known]
            if new:
                await connection.execute(insert(snapshot_shard), new)
            await connection.execute(delete(snapshot_manifest))
            await connection.execute(
                insert(snapshot_manifest).values(
                    id=1,
                    serial=position.serial,
                    epoch=position.epoch,
                    number=position.number,
                    manifest=signed.manifest,
                    signature=signed.signature,
                    certificate=None if certificate is None else msgspec.json.encode(certificate),
                )
            )
            seen = region_identity.c.publisher_serial
            await connection.execute(
                update(region_identity).where(seen < position.serial).values(publisher_serial=position.serial)
            )

    async def trusted(self) -> tuple[bytes | None, int]:
        """The trusted root key and the newest serial seen. Another replica may have changed both."""
        query = select(region_identity.c.root_key, region_identity.c.publisher_serial)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one()
        return row.root_key, row.publisher_serial

    async def load(self) -> tuple[SignedManifest, dict[str, bytes]] | None:
        """The stored manifest and shards, not verified. None when there are none. A damaged certificate is read as None."""
        async with self._database.reading() as connection:
            row = (await connection.execute(select(snapshot_manifest))).one_or_none()
            if row is None:
                return None
            shards = (await connection.execute(select(snapshot_shard))).all()
        signed = SignedManifest(row.manifest, row.signature, _certificate(row.certificate))
        return signed, {shard.sha256: shard.body for shard in shards}


def _certificate(data: bytes | None) -> SignedCertificate | None:
    try:
        return None if data is None else msgspec.json.decode(data, type=SignedCertificate)
    except ValueError:
        return None
