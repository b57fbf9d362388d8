"""Reads a region's shards from the database: active projects, their live keys and their organizations, without names."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, or_, select

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.outside_services import ExternalKeyRecord, ExternalStorageRecord
from domicile.boundary.permissions import decode_model_permissions, decode_networks, decode_scopes
from domicile.boundary.rate_limits import decode_rate_limits
from domicile.boundary.retention import ProjectRetention, Retention
from domicile.boundary.snapshot import (
    KeyRecord,
    OrganizationRecord,
    ProjectRecord,
    Shard,
    Tombstone,
    shard_index,
)
from domicile.boundary.usage import ServiceTier
from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.grace import is_over
from domicile.control_plane.publication.budgets import Budgets

Members = dict[int, set[str]]
"""By shard index, the ids of its projects and organizations."""

_PAGE = 500
"""Rows read at a time. Turning them into records takes about 3 ms of the event loop."""


async def read_members(reading: Reading, region: str, now_ms: int) -> Members:
    """All members of the region's snapshot: active and destroyed projects, organizations, and owners of outside services."""
    members: Members = defaultdict(set)
    project = tables.project
    active = select(project.c.id, project.c.organization_id).where(_is_active_in(region))
    for row in await _pages(reading, active, project.c.id):
        members[shard_index(row.id)].add(row.id)
        members[shard_index(row.organization_id)].add(row.organization_id)
    key, storage = tables.external_key, tables.external_storage
    for key_row in await _pages(reading, select(key.c.id, key.c.organization_id).where(_is_key_of(region)), key.c.id):
        members[shard_index(key_row.organization_id)].add(key_row.organization_id)
    for storage_row in await _pages(reading, _storages_of(region), storage.c.id):
        members[shard_index(storage_row.project_id)].add(storage_row.project_id)
    for project_id in await read_destroyed(reading, region, now_ms):
        members[shard_index(project_id)].add(project_id)
    return members


async def read_shard(
    reading: Reading, region: str, index: int, ids: Collection[str], now_ms: int, budgets: Budgets
) -> Shard:
    """The shard with those of these projects and organizations that belong to the region. Equal content has equal order."""
    return Shard(
        region,
        index,
        await _organizations(reading, region, ids, budgets),
        await _projects(reading, region, ids, budgets, now_ms),
        await _keys(reading, region, ids, now_ms),
        await _tombstones(reading, region, ids, now_ms),
        await _external_keys(reading, region, ids),
        await _external_storages(reading, region, ids),
    )


async def read_destroyed(reading: Reading, region: str, now_ms: int) -> frozenset[str]:
    """The ids of projects whose grace period is over. No job has to run: the next renewal publishes the tombstone."""
    destruction, project = tables.destruction, tables.project
    query = (
        select(destruction.c.project_id)
        .join(project, project.c.id == destruction.c.project_id)
        .where(_is_destroyed_in(region, now_ms))
    )
    return frozenset(row.project_id for row in await reading.all(query))


async def regions_of(reading: Reading, organization_id: str) -> list[str]:
    """The regions whose snapshots name the organization: those in which it has an active project."""
    table = tables.project
    query = select(table.c.region).where(table.c.organization_id == organization_id, table.c.status == "active")
    return [row.region for row in await reading.all(query.distinct())]


async def _organizations(
    reading: Reading, region: str, ids: Collection[str], budgets: Budgets
) -> tuple[OrganizationRecord, ...]:
    organization, agreement, project = tables.organization, tables.agreement, tables.project
    owners = select(project.c.organization_id).where(_is_active_in(region))
    query = (
        select(organization.c.id, organization.c.retention, agreement)
        .join(agreement, agreement.c.organization_id == organization.c.id)
        .where(organization.c.id.in_(ids), organization.c.id.in_(owners))
    )
    return tuple(
        OrganizationRecord(
            organization_id=row.id,
            enterprise_agreement=row.enterprise_agreement,
            zdr_eligible=row.zdr_eligible,
            zdr_endpoints=tuple(sorted(msgspec.json.decode(row.zdr_endpoints, type=list[Endpoint]))),
            enhanced_zdr=row.enhanced_zdr,
            retention=Retention(row.retention),
            spending=budgets.limits.get(row.id),
        )
        for row in await _pages(reading, query, organization.c.id)
    )


async def _projects(
    reading: Reading, region: str, ids: Collection[str], budgets: Budgets, now_ms: int
) -> tuple[ProjectRecord, ...]:
    table = tables.project
    columns = (
        *("id", "organization_id", "retention", "external_key_id"),
        *("rate_limits", "model_permissions", "networks", "auto_tier"),
    )
    query = select(*(table.c[name] for name in columns)).where(table.c.id.in_(ids), _is_active_in(region))
    entitlements = await _entitlements(reading, region, ids, now_ms)
    return tuple(
        ProjectRecord(
            row.id,
            row.organization_id,
            ProjectRetention(row.retention),
            row.external_key_id,
            decode_rate_limits(row.rate_limits),
            tuple(entitlements.get(row.id, ())),
            models=decode_model_permissions(row.model_permissions),
            networks=decode_networks(row.networks),
            spending=budgets.limits.get(row.id),
            auto_tier=ServiceTier(row.auto_tier),
        )
        for row in await _pages(reading, query, table.c.id)
    )


async def _entitlements(
    reading: Reading, region: str, ids: Collection[str], now_ms: int
) -> dict[str, list[Entitlement]]:
    """By project, the entitlements that are in force or will be."""
    table, project = tables.entitlement, tables.project
    query = (
        select(table)
        .join(project, project.c.id == table.c.project_id)
        .where(table.c.project_id.in_(ids), _is_active_in(region), table.c.until_ms > now_ms)
    )
    found: dict[str, list[Entitlement]] = defaultdict(list)
    for row in await _pages(reading, query, table.c.id):
        found[row.project_id].append(
            Entitlement(
                row.id,
                msgspec.json.decode(row.models, type=tuple[str, ...]),
                row.input_tokens_per_minute,
                row.output_tokens_per_minute,
                row.from_ms,
                row.until_ms,
            )
        )
    return found


async def _keys(reading: Reading, region: str, ids: Collection[str], now_ms: int) -> tuple[KeyRecord, ...]:
    key, project = tables.api_key, tables.project
    query = (
        select(key.c.id, key.c.project_id, key.c.sha256, key.c.expires_at_ms, key.c.scopes)
        .join(project, project.c.id == key.c.project_id)
        .where(
            key.c.project_id.in_(ids),
            _is_active_in(region),
            key.c.revoked_at_ms.is_(None),
            or_(key.c.expires_at_ms.is_(None), key.c.expires_at_ms > now_ms),
        )
    )
    rows = await _pages(reading, query, key.c.id)
    return tuple(
        KeyRecord(
            row.id,
            row.project_id,
            row.sha256,
            row.expires_at_ms,
            None if row.scopes is None else decode_scopes(row.scopes),
        )
        for row in rows
    )


async def _tombstones(reading: Reading, region: str, ids: Collection[str], now_ms: int) -> tuple[Tombstone, ...]:
    destruction, project = tables.destruction, tables.project
    query = (
        select(destruction.c.project_id, destruction.c.due_at_ms)
        .join(project, project.c.id == destruction.c.project_id)
        .where(destruction.c.project_id.in_(ids), _is_destroyed_in(region, now_ms))
        .order_by(destruction.c.project_id)
    )
    return tuple(Tombstone(row.project_id, row.due_at_ms) for row in await reading.all(query))


async def _external_keys(reading: Reading, region: str, ids: Collection[str]) -> tuple[ExternalKeyRecord, ...]:
    table = tables.external_key
    query = select(table).where(table.c.organization_id.in_(ids), _is_key_of(region))
    rows = await _pages(reading, query, table.c.id)
    return tuple(ExternalKeyRecord(row.id, row.organization_id, row.kms_arn, row.check_number) for row in rows)


async def _external_storages(reading: Reading, region: str, ids: Collection[str]) -> tuple[ExternalStorageRecord, ...]:
    table = tables.external_storage
    query = _storages_of(region).where(table.c.project_id.in_(ids))
    return tuple(
        ExternalStorageRecord(row.id, row.project_id, row.bucket, row.signing_region, row.country, row.check_number)
        for row in await _pages(reading, query, table.c.id)
    )


def _is_key_of(region: str) -> ColumnElement[bool]:
    table = tables.external_key
    return and_(table.c.region == region, table.c.deleted_at_ms.is_(None))


def _storages_of(region: str) -> Select[*tuple[Any, ...]]:
    """Storages until they are removed, so also those of archived projects: a destruction deletes what lies there."""
    table, project = tables.external_storage, tables.project
    return (
        select(table)
        .join(project, project.c.id == table.c.project_id)
        .where(project.c.region == region, table.c.deleted_at_ms.is_(None))
    )


def _is_active_in(region: str) -> ColumnElement[bool]:
    """The one rule for projects and keys of a region's snapshot: the project is active, and belongs to this region."""
    return and_(tables.project.c.region == region, tables.project.c.status == "active")


def _is_destroyed_in(region: str, now_ms: int) -> ColumnElement[bool]:
    return and_(tables.project.c.region == region, is_over(now_ms))


async def _pages(reading: Reading, query: Select[*tuple[Any, ...]], key: Any) -> list[Row[*tuple[Any, ...]]]:
    """All rows in the order of `key`, read in pages, so that other work of the event loop runs in between."""
    rows: list[Row[*tuple[Any, ...]]] = []
    page = await reading.all(query.order_by(key).limit(_PAGE))
    while page:
        rows.extend(page)
        if len(page) < _PAGE:
            break
        page = await reading.all(query.where(key > page[-1].id).order_by(key).limit(_PAGE))
    return rows
