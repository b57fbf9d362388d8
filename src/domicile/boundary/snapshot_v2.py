"""Schema 2 of the snapshot, for regions and control planes of the previous version.

The shard differs, and the manifest of schema 2 leaves out `replicas`. Without records of what schema 3 has added, both schemas'
shards are the same bytes, so an upgraded region fetches nothing again.
"""

import msgspec
from msgspec import Struct

from domicile.boundary.retention import ProjectRetention
from domicile.boundary.snapshot import KeyRecord, OrganizationRecord, ProjectRecord, Shard, ShardIndex, Tombstone
from domicile.kernel.ids import OrganizationId, ProjectId, RegionCode

SCHEMA_2 = 2


class ProjectOfSchema2(Struct, frozen=True, forbid_unknown_fields=True):
    """A project that uses no service of its customer."""

    project_id: ProjectId
    organization_id: OrganizationId
    retention: ProjectRetention


class ShardOfSchema2(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A shard without outside services, and without the projects that use one."""

    region: RegionCode
    index: ShardIndex
    organizations: tuple[OrganizationRecord, ...]
    projects: tuple[ProjectOfSchema2, ...]
    keys: tuple[KeyRecord, ...]
    tombstones: tuple[Tombstone, ...] = ()


def encode_shard_of_schema_2(shard: Shard, exhausted: frozenset[str] = frozenset()) -> bytes | None:
    """The shard in schema 2; None when nothing is left of it.

    A project with an external key or an external storage is left out together with its keys, which disables it: an older
    region would keep its content under the region's own key, in the region's own store. A project whose models or networks are
    restricted and a restricted key are left out too: an older region would not know of it. So is each project in `exhausted`,
    whose spending limit is reached: an older region would spend more.
    """
    stored_outside = {storage.project_id for storage in shard.external_storages}
    projects = tuple(
        ProjectOfSchema2(project.project_id, project.organization_id, project.retention)
        for project in shard.projects
        if project.external_key_id is None
        and project.project_id not in stored_outside | exhausted
        and project.models is None
        and not project.networks
    )
    served = {project.project_id for project in projects}
    keys = tuple(key for key in shard.keys if key.project_id in served and key.scopes is None)
    if not (shard.organizations or projects or keys or shard.tombstones):
        return None
    organizations = tuple(msgspec.structs.replace(each, spending=None) for each in shard.organizations)
    return msgspec.json.encode(
        ShardOfSchema2(shard.region, shard.index, organizations, projects, keys, shard.tombstones)
    )


def decode_shard_of_schema_2(body: bytes) -> Shard:
    """The shard in the bytes of an older control plane. Raises `msgspec.MsgspecError`."""
    old = msgspec.json.decode(body, type=ShardOfSchema2)
    projects = tuple(
        ProjectRecord(project.project_id, project.organization_id, project.retention) for project in old.projects
    )
    return Shard(old.region, old.index, old.organizations, projects, old.keys, old.tombstones)
