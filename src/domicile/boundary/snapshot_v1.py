"""What was otherwise in schema 1 of the snapshot, for regions and control planes of the version before.

Only the shard differs. The manifest is the same in both schemas; of the poll and of the delivery, schema 2 knows members that
are left out where they have their defaults, and schema 1 is what is left.
"""

import msgspec
from msgspec import Struct

from domicile.boundary.snapshot import KeyRecord, OrganizationRecord, ProjectRecord, Shard, ShardIndex
from domicile.kernel.ids import RegionCode

SCHEMA_1 = 1


class ShardOfSchema1(Struct, frozen=True, forbid_unknown_fields=True):
    """A shard without tombstones: a region of that time knows no destruction, and disables what is absent."""

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectRecord, ...]
    keys: tuple[KeyRecord, ...]


def encode_shard_of_schema_1(shard: Shard) -> bytes | None:
    """What a region of the version before is told of it; None where that is nothing."""
    if not (shard.organizations or shard.projects or shard.keys):
        return None
    return msgspec.json.encode(
        ShardOfSchema1(shard.region, shard.index, shard.organizations, shard.projects, shard.keys)
    )


def decode_shard_of_schema_1(body: bytes) -> Shard:
    """What a control plane of the version before has said. Raises what msgspec raises."""
    old = msgspec.json.decode(body, type=ShardOfSchema1)
    return Shard(old.region, old.index, old.organizations, old.projects, old.keys)
