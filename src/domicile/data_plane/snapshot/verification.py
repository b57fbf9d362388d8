"""The rules for accepting a snapshot (design 2)."""

from dataclasses import dataclass

import msgspec

from domicile.boundary.signing import BadSignatureError, open_certificate, open_manifest, public_key_id
from domicile.boundary.snapshot import READABLE_SCHEMAS, Manifest, Shard, SignedManifest, digest
from domicile.boundary.snapshot_v2 import SCHEMA_2, decode_shard_of_schema_2
from domicile.data_plane.identity import Enrollment


class SnapshotRefusedError(Exception):
    """The snapshot breaks a rule, so the old one stays. The text is Domicile's own and quotes nothing of the snapshot."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """The serial of the newest certificate seen, and the epoch and number of the snapshot held. Zeros for none.

    It only grows. The serial is compared first: a thief of a publisher key can sign any epoch and number, and these must not
    outrank snapshots signed with the next key.
    """

    serial: int = 0
    epoch: int = 0
    number: int = 0


@dataclass(frozen=True, slots=True)
class _Signer:
    public_key: bytes
    key_id: str
    serial: int
    not_before_ms: int


class _AnySchema(msgspec.Struct):
    schema: int


def verify_manifest(
    signed: SignedManifest, *, region: str, enrollment: Enrollment, held: Position
) -> tuple[Manifest, Position]:
    """Check signer and signature, then installation and region, then that it is newer than `held`.

    Returns the manifest and its position. Raises `SnapshotRefusedError`.
    """
    signer = _signer(signed, enrollment, held)
    try:
        manifest = open_manifest(signer.public_key, signed)
    except BadSignatureError:
        raise SnapshotRefusedError("bad signature") from None
    except (ValueError, RecursionError):
        known = _schema_of(signed.manifest) in {None, *READABLE_SCHEMAS}
        raise SnapshotRefusedError("unknown format" if known else "unknown schema") from None
    if manifest.schema not in READABLE_SCHEMAS:
        raise SnapshotRefusedError("unknown schema")
    if manifest.key_id != signer.key_id or manifest.installation_id != enrollment.installation_id:
        raise SnapshotRefusedError("another installation's")
    if manifest.region != region:
        raise SnapshotRefusedError("another region's")
    if manifest.issued_at_ms < signer.not_before_ms:
        raise SnapshotRefusedError("signed before its key was certified")
    position = Position(signer.serial, manifest.epoch, manifest.number)
    if position <= held:
        raise SnapshotRefusedError("not newer")
    return manifest, position


def verify_shard(body: bytes, *, sha256: str, index: int, region: str, schema: int) -> Shard:
    """Check a shard's digest, index and region against the manifest, and decode it. Raises `SnapshotRefusedError`."""
    if digest(body) != sha256:
        raise SnapshotRefusedError("a shard's bytes are not those of the manifest")
    try:
        shard = decode_shard_of_schema_2(body) if schema == SCHEMA_2 else msgspec.json.decode(body, type=Shard)
    except (ValueError, RecursionError):
        raise SnapshotRefusedError("a shard of unknown format") from None
    if shard.index != index or shard.region != region:
        raise SnapshotRefusedError("a shard in the wrong place")
    return shard


def _signer(signed: SignedManifest, enrollment: Enrollment, held: Position) -> _Signer:
    """The one key whose signature is accepted: the certified key, or `publisher_key` in an enrollment without a root key."""
    if enrollment.root_key is None:
        key = enrollment.publisher_key or b""
        return _Signer(key, public_key_id(key), 0, 0)
    if signed.certificate is None:
        raise SnapshotRefusedError("no certificate")
    try:
        certificate = open_certificate(enrollment.root_key, signed.certificate)
    except BadSignatureError:
        raise SnapshotRefusedError("a certificate that is not the root key's") from None
    if certificate.installation_id != enrollment.installation_id:
        raise SnapshotRefusedError("another installation's")
    if certificate.serial < max(held.serial, enrollment.serial):
        raise SnapshotRefusedError("a key that has been replaced")
    return _Signer(certificate.public_key, certificate.key_id, certificate.serial, certificate.not_before_ms)


def _schema_of(manifest: bytes) -> int | None:
    """The schema number in a manifest of any schema. None when it cannot be read."""
    try:
        return msgspec.json.decode(manifest, type=_AnySchema).schema
    except (ValueError, RecursionError):
        return None
