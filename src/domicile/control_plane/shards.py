"""A region's shards as they are in the database: its active projects, their live keys, their organizations, no names."""

from collections import defaultdict

import msgspec
from sqlalchemy import or_, select

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.snapshot import (
    KeyRecord,
    OrganizationRecord,
    ProjectRecord,
    Shard,
    Tombstone,
    shard_index,
)
from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane import tables
from domicile.control_plane.grace import is_over
from domicile.control_plane.transactions import Reading


async def read_shards(reading: Reading, region: str, now_ms: int) -> list[Shard]:
    """The shards that are not empty, by their index. Equal content is in the same order."""
    organizations: dict[int, list[OrganizationRecord]] = defaultdict(list)
    projects: dict[int, list[ProjectRecord]] = defaultdict(list)
    keys: dict[int, list[KeyRecord]] = defaultdict(list)
    for organization in await _organizations(reading, region):
        organizations[shard_index(organization.organization_id)].append(organization)
    for project in await _projects(reading, region):
        projects[shard_index(project.project_id)].append(project)
    for key in await _keys(reading, region, now_ms):
        keys[shard_index(key.project_id)].append(key)
    tombstones: dict[int, list[Tombstone]] = defaultdict(list)
    for tombstone in await _tombstones(reading, region, now_ms):
        tombstones[shard_index(tombstone.project_id)].append(tombstone)
    return [
        Shard(
            region,
            index,
            tuple(organizations[index]),
            tuple(projects[index]),
            tuple(keys[index]),
            tuple(tombstones[index]),
        )
        for index in sorted({*organizations, *projects, *keys, *tombstones})
    ]


async def _organizations(reading: Reading, region: str) -> list[OrganizationRecord]:
    organization, agreement, project = tables.organization, tables.agreement, tables.project
    owners = select(project.c.organization_id).where(project.c.region == region, project.c.status == "active")
    query = (
        select(organization.c.id, organization.c.retention, agreement)
        .join(agreement, agreement.c.organization_id == organization.c.id)
        .where(organization.c.id.in_(owners))
        .order_by(organization.c.id)
    )
    return [
        OrganizationRecord(
            organization_id=row.id,
            enterprise_agreement=row.enterprise_agreement,
            zdr_eligible=row.zdr_eligible,
            zdr_endpoints=tuple(sorted(msgspec.json.decode(row.zdr_endpoints, type=list[Endpoint]))),
            enhanced_zdr=row.enhanced_zdr,
            retention=Retention(row.retention),
        )
        for row in await reading.all(query)
    ]


async def _projects(reading: Reading, region: str) -> list[ProjectRecord]:
    table = tables.project
    query = (
        select(table.c.id, table.c.organization_id, table.c.retention)
        .where(table.c.region == region, table.c.status == "active")
        .order_by(table.c.id)
    )
    return [
        ProjectRecord(row.id, row.organization_id, ProjectRetention(row.retention)) for row in await reading.all(query)
    ]


async def _keys(reading: Reading, region: str, now_ms: int) -> list[KeyRecord]:
    key, project = tables.api_key, tables.project
    query = (
        select(key.c.id, key.c.project_id, key.c.sha256, key.c.expires_at_ms)
        .join(project, project.c.id == key.c.project_id)
        .where(
            project.c.region == region,
            project.c.status == "active",
            key.c.revoked_at_ms.is_(None),
            or_(key.c.expires_at_ms.is_(None), key.c.expires_at_ms > now_ms),
        )
        .order_by(key.c.id)
    )
    return [KeyRecord(row.id, row.project_id, row.sha256, row.expires_at_ms) for row in await reading.all(query)]


async def _tombstones(reading: Reading, region: str, now_ms: int) -> list[Tombstone]:
    """Of projects whose grace is over. No job has to run for that: the next renewal tells the region."""
    destruction, project = tables.destruction, tables.project
    query = (
        select(destruction.c.project_id, destruction.c.due_at_ms)
        .join(project, project.c.id == destruction.c.project_id)
        .where(project.c.region == region, is_over(now_ms))
        .order_by(destruction.c.project_id)
    )
    return [Tombstone(row.project_id, row.due_at_ms) for row in await reading.all(query)]
