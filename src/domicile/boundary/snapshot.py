"""The snapshot: what the control plane tells one region, and no other (design 2).

A signed manifest names shards by the SHA-256 of their bytes; a shard holds the organizations, projects and keys whose id
falls into it. A new key moves one shard. A region fetches the shards it does not hold, checks each against the manifest,
and swaps all at once.

A new field is a new `SNAPSHOT_SCHEMA`: a region refuses what it does not know and keeps what it has. The control plane serves
this schema and the one before (`snapshot_v1`), and a region reads both, so that the two can be of different versions.
"""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domicile.boundary.publisher_key import SignedCertificate, SignedSuccession
from domicile.boundary.retention import ProjectRetention, Retention
from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.ids import InstallationId, KeyId, OrganizationId, ProjectId, PublicKeyId, RegionCode

SNAPSHOT_SCHEMA = 2
READABLE_SCHEMAS = (1, 2)
SHARD_COUNT = 64

Sha256 = Annotated[bytes, Meta(min_length=32, max_length=32)]
ShardIndex = Annotated[int, Meta(ge=0, lt=SHARD_COUNT)]
Hex256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# A region's public host, with its port where it is not the scheme's own.
PublicHost = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:\[\]-]{1,260}\Z")]
CatalogueVersion = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
SchemaNumber = Annotated[int, Meta(ge=1)]


class OrganizationRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """An organization's agreements. No name: a name is text that somebody chose."""

    organization_id: OrganizationId
    enterprise_agreement: bool
    zdr_eligible: bool
    zdr_endpoints: tuple[Endpoint, ...]
    enhanced_zdr: bool
    retention: Retention


class ProjectRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """An active project of this region. An archived one is absent: absence disables, it never destroys."""

    project_id: ProjectId
    organization_id: OrganizationId
    retention: ProjectRetention


class KeyRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A live key of an active project, by the SHA-256 of the whole key."""

    key_id: KeyId
    project_id: ProjectId
    sha256: Sha256
    expires_at_ms: Milliseconds | None


class Tombstone(Struct, frozen=True, forbid_unknown_fields=True):
    """A project that the operator has destroyed. The one thing that makes a region destroy: absence never does."""

    project_id: ProjectId
    destroyed_at_ms: Milliseconds


class Shard(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The records whose id falls into `index` (`shard_index`): keys and tombstones lie with their project.

    Without tombstones its bytes are those of schema 1, so a region that is upgraded fetches nothing again.
    """

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectRecord, ...]
    keys: tuple[KeyRecord, ...]
    tombstones: tuple[Tombstone, ...] = ()


class ShardReference(Struct, frozen=True, forbid_unknown_fields=True):
    """A shard by its content. Empty shards are not listed."""

    index: ShardIndex
    sha256: Hex256


class DirectoryEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a region is reached: what a caller with that region's key is told elsewhere (contract C12)."""

    region: RegionCode
    host: PublicHost


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is signed. (`epoch`, `number`) only ever grows; a new epoch is declared after a restore."""

    schema: int
    installation_id: InstallationId
    region: RegionCode
    epoch: Count
    number: Count
    issued_at_ms: Milliseconds
    key_id: PublicKeyId
    catalogue_version: CatalogueVersion
    directory: tuple[DirectoryEntry, ...]
    shards: tuple[ShardReference, ...]


class SignedManifest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The manifest's bytes exactly as signed, and an Ed25519 signature over them (`signing.sign_manifest`).

    `certificate` says by whose authority that key signs. It is left out for regions that read schema 1 only.
    `successions` lead from the root key that the poll names to the one that certifies now, the oldest first.
    """

    manifest: bytes
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    certificate: SignedCertificate | None = None
    successions: tuple[SignedSuccession, ...] = ()


class SnapshotQuery(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A region's poll: the snapshot it holds, which is also its acknowledgement of that snapshot. (0, 0) = none.

    Regions of the versions before say less, and one that meets a control plane of those versions says no more than they do.
    """

    epoch: Count
    number: Count
    schemas: tuple[SchemaNumber, ...] = (1,)
    # Of the certificate under which the held snapshot was signed.
    serial: Count = 0
    # The root key that it trusts, which is also its acknowledgement of that key.
    root: PublicKeyId | None = None


def shard_index(identifier: str) -> int:
    """Which of the `SHARD_COUNT` shards a project's or an organization's id falls into."""
    return hashlib.sha256(identifier.encode()).digest()[0] % SHARD_COUNT


def encode_shard(shard: Shard) -> bytes:
    """The shard's bytes, whose SHA-256 is its name. Records are sorted by the publisher, so equal content is equal bytes."""
    return msgspec.json.encode(shard)


def digest(data: bytes) -> str:
    """The SHA-256 of a shard's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
