"""The snapshot of one region: its organizations, projects and keys, and nothing of any other region (design 2).

A signed manifest names shards by the SHA-256 of their bytes. A shard holds the organizations, projects and keys whose id falls
into it, so a new key changes one shard. A region fetches the shards that it lacks, checks each against the manifest, and swaps
all at once.

A new field needs a new `SNAPSHOT_SCHEMA`: a region refuses unknown fields, and keeps the snapshot that it has. The control
plane serves this schema and the previous one (`snapshot_v2`). A region reads both, so the two may differ in version.
"""

import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.permissions import IpNetwork, KeyScope, ModelPermissions
from domicile.boundary.publisher_key import SignedCertificate, SignedSuccession
from domicile.boundary.rate_limits import ProjectRateLimit
from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.spending import SpendingLimit
from domicile.boundary.usage import ServiceTier
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.prices import ModelPrice
from domicile.kernel.ids import ExternalKeyId, InstallationId, KeyId, OrganizationId, ProjectId, PublicKeyId, RegionCode

SNAPSHOT_SCHEMA = 3
READABLE_SCHEMAS = (2, 3)
SHARD_COUNT = 64

Sha256 = Annotated[bytes, Meta(min_length=32, max_length=32)]
ShardIndex = Annotated[int, Meta(ge=0, lt=SHARD_COUNT)]
Hex256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# A region's public host, with its port unless that is the scheme's default.
PublicHost = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:\[\]-]{1,260}\Z")]
CatalogueVersion = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
SchemaNumber = Annotated[int, Meta(ge=1)]


class OrganizationRecord(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An organization's agreements, retention and spending limit. Without its name, which is free text."""

    organization_id: OrganizationId
    enterprise_agreement: bool
    zdr_eligible: bool
    zdr_endpoints: tuple[Endpoint, ...]
    enhanced_zdr: bool
    retention: Retention
    spending: SpendingLimit | None = None


class ProjectRecord(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An active project of this region. An archived one is absent: absence disables a project, and never destroys it.

    `external_key_id`: the key of the organization's own that wraps the project's key. `rate_limits`: those of its own.
    `entitlements`: those that are in force or will be. `models`: None for all models. `networks`: those from which its keys
    may be used; none for all. `auto_tier`: what `service_tier: auto` means; `scale` uses entitlements. A region that reads
    schema 2 only knows none of these.
    """

    project_id: ProjectId
    organization_id: OrganizationId
    retention: ProjectRetention
    external_key_id: ExternalKeyId | None = None
    rate_limits: tuple[ProjectRateLimit, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    spending: SpendingLimit | None = None
    models: ModelPermissions | None = None
    networks: tuple[IpNetwork, ...] = ()
    auto_tier: ServiceTier = ServiceTier.SCALE


class KeyRecord(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A live key of an active project, by the SHA-256 of the whole key. `scopes`: None for a key that may do everything."""

    key_id: KeyId
    project_id: ProjectId
    sha256: Sha256
    expires_at_ms: Milliseconds | None
    scopes: tuple[KeyScope, ...] | None = None


class Tombstone(Struct, frozen=True, forbid_unknown_fields=True):
    """A project that the operator has destroyed. Only a tombstone makes a region destroy data; absence never does."""

    project_id: ProjectId
    destroyed_at_ms: Milliseconds


class Shard(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The records whose id falls into `index` (`shard_index`).

    Keys, tombstones and external storages are in the shard of their project, external keys in that of their organization.
    """

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectRecord, ...]
    keys: tuple[KeyRecord, ...]
    tombstones: tuple[Tombstone, ...] = ()
    external_keys: tuple[ExternalKeyRecord, ...] = ()
    external_storages: tuple[ExternalStorageRecord, ...] = ()


class ShardReference(Struct, frozen=True, forbid_unknown_fields=True):
    """A shard's index, and the SHA-256 of its bytes. Empty shards are not listed."""

    index: ShardIndex
    sha256: Hex256


class DirectoryEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """A region's public host. Other regions name it to a caller who sends them that region's key (contract C12)."""

    region: RegionCode
    host: PublicHost


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """The signed content. (`epoch`, `number`) only grows; the operator declares a new epoch after a restore.

    `replicas`: the processes of the region that were in contact when it was signed. 0: not known, as in schema 2.
    `prices`: the control plane's, so that a region computes its spending with no others. Absent in schema 2.
    """

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
    replicas: Count = 0
    prices: tuple[ModelPrice, ...] = ()


class SignedManifest(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The manifest's bytes exactly as signed, and an Ed25519 signature over them (`signing.sign_manifest`).

    `certificate` certifies the signing key. It was absent in schema 1, which is no longer served.
    `successions` lead from the root key that the poll names to the current one, oldest first.
    """

    manifest: bytes
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    certificate: SignedCertificate | None = None
    successions: tuple[SignedSuccession, ...] = ()


class SnapshotQuery(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A region's poll. It names, and so acknowledges, the snapshot that the region holds. (0, 0): none.

    Regions that read schema 1 only omit `schemas`. A region omits `root` when the control plane is older than root keys.
    """

    epoch: Count
    number: Count
    schemas: tuple[SchemaNumber, ...] = (1,)
    # The serial of the certificate under which the held snapshot was signed.
    serial: Count = 0
    # The root key that the region trusts. Naming it also acknowledges it.
    root: PublicKeyId | None = None


def shard_index(identifier: str) -> int:
    """The index, below `SHARD_COUNT`, of the shard into which a project's or an organization's id falls."""
    return hashlib.sha256(identifier.encode()).digest()[0] % SHARD_COUNT


def encode_shard(shard: Shard) -> bytes:
    """The shard's bytes, whose SHA-256 is its name. The publisher sorts the records, so equal content gives equal bytes."""
    return msgspec.json.encode(shard)


def digest(data: bytes) -> str:
    """The SHA-256 of a shard's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()
