"""Schema 1 of the snapshot, for regions and control planes of the previous version.

Only the shard differs. The manifest is the same in both schemas. Schema 2 adds members to the poll and to the signed manifest;
with their default values they are omitted, and what remains is schema 1.
"""

import msgspec
from msgspec import Struct

from domicile.boundary.snapshot import KeyRecord, OrganizationRecord, ProjectRecord, Shard, ShardIndex
from domicile.kernel.ids import RegionCode

SCHEMA_1 = 1


class ShardOfSchema1(Struct, frozen=True, forbid_unknown_fields=True):
    """A shard without tombstones: an older region cannot destroy data, and disables what is absent."""

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectRecord, ...]
    keys: tuple[KeyRecord, ...]


def encode_shard_of_schema_1(shard: Shard) -> bytes | None:
    """The shard in schema 1; None when it has only tombstones, or nothing."""
    if not (shard.organizations or shard.projects or shard.keys):
        return None
    return msgspec.json.encode(
        ShardOfSchema1(shard.region, shard.index, shard.organizations, shard.projects, shard.keys)
    )


def decode_shard_of_schema_1(body: bytes) -> Shard:
    """The shard in the bytes of an older control plane. Raises `msgspec.MsgspecError`."""
    old = msgspec.json.decode(body, type=ShardOfSchema1)
    return Shard(old.region, old.index, old.organizations, old.projects, old.keys)
