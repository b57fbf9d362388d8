"""When a snapshot is accepted, and only then (design 2)."""

import msgspec

from domicile.boundary.signing import BadSignatureError, open_manifest
from domicile.boundary.snapshot import SNAPSHOT_SCHEMA, Manifest, Shard, SignedManifest, digest
from domicile.data_plane.identity import Enrollment


class SnapshotRefusedError(Exception):
    """The snapshot is not taken, and the old one stays. The text is one of ours and holds nothing of the snapshot."""


def verify_manifest(signed: SignedManifest, *, region: str, enrollment: Enrollment, held: tuple[int, int]) -> Manifest:
    """Signature first, then whose it is, then whether it is newer than `held`, an (epoch, number)."""
    try:
        manifest = open_manifest(enrollment.publisher_key, signed)
    except BadSignatureError:
        raise SnapshotRefusedError("bad signature") from None
    except (ValueError, RecursionError):
        raise SnapshotRefusedError("unknown format") from None
    if manifest.schema != SNAPSHOT_SCHEMA:
        raise SnapshotRefusedError("unknown schema")
    if manifest.key_id != enrollment.publisher_key_id or manifest.installation_id != enrollment.installation_id:
        raise SnapshotRefusedError("another installation's")
    if manifest.region != region:
        raise SnapshotRefusedError("another region's")
    if (manifest.epoch, manifest.number) <= held:
        raise SnapshotRefusedError("not newer")
    return manifest


def verify_shard(body: bytes, *, sha256: str, index: int, region: str) -> Shard:
    """The bytes are those that the manifest names, and say of themselves what the manifest says of them."""
    if digest(body) != sha256:
        raise SnapshotRefusedError("a shard's bytes are not those of the manifest")
    try:
        shard = msgspec.json.decode(body, type=Shard)
    except (ValueError, RecursionError):
        raise SnapshotRefusedError("a shard of unknown format") from None
    if shard.index != index or shard.region != region:
        raise SnapshotRefusedError("a shard in the wrong place")
    return shard
