"""The snapshot: what the control plane tells one region, and no other (design 2).

A signed manifest names shards by the SHA-256 of their bytes; a shard holds the organizations, projects and keys whose id
falls into it. A new key moves one shard. A region fetches the shards it does not hold, checks each against the manifest,
and swaps all at once.

A new field is a new `SNAPSHOT_SCHEMA`: a region refuses what it does not know and keeps what it has.
"""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.catalogue.endpoints import Endpoint
from domicile.kernel.ids import InstallationId, KeyId, OrganizationId, ProjectId, PublicKeyId, RegionCode

SNAPSHOT_SCHEMA = 1
SHARD_COUNT = 64

Sha256 = Annotated[bytes, Meta(min_length=32, max_length=32)]
ShardIndex = Annotated[int, Meta(ge=0, lt=SHARD_COUNT)]
Hex256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# A region's public host, with its port where it is not the scheme's own.
PublicHost = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:\[\]-]{1,260}\Z")]
CatalogueVersion = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


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


class Shard(Struct, frozen=True, forbid_unknown_fields=True):
    """The records whose id falls into `index` (`shard_index`): keys lie with their project."""

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectRecord, ...]
    keys: tuple[KeyRecord, ...]


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


class SignedManifest(Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest's bytes exactly as signed, and an Ed25519 signature over them (`signing.sign_manifest`)."""

    manifest: bytes
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]


class SnapshotQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A region's poll: the snapshot it holds, which is also its acknowledgement of that snapshot. (0, 0) = none."""

    epoch: Count
    number: Count


def shard_index(identifier: str) -> int:
    """Which of the `SHARD_COUNT` shards a project's or an organization's id falls into."""
    return hashlib.sha256(identifier.encode()).digest()[0] % SHARD_COUNT


def encode_shard(shard: Shard) -> bytes:
    """The shard's bytes, whose SHA-256 is its name. Records are sorted by the publisher, so equal content is equal bytes."""
    return msgspec.json.encode(shard)


def digest(data: bytes) -> str:
    """The SHA-256 of a shard's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
