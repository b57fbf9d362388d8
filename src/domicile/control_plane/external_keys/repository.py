"""External keys in the database. Every query names the organization, and no row holds a secret."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.control_plane.service_checks import Check, check_of, check_values
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """A customer's key for one region of this platform. Only its check ever changes."""

    id: str
    organization_id: str
    name: str
    region: str
    kms_arn: str
    created_at_ms: int
    check: Check

    @property
    def kms_region(self) -> str:
        """The provider's region, as the ARN names it, such as `eu-central-1`."""
        return self.kms_arn.split(":")[3]


async def find_external_key(reading: Reading, organization_id: str, key_id: str) -> ExternalKey | None:
    """The organization's key. None for an unknown or removed key, and for another organization's."""
    table = tables.external_key
    query = select(table).where(table.c.id == key_id, *_live(organization_id))
    row = await reading.first(query)
    return None if row is None else _key_of(row)


async def list_external_keys(reading: Reading, organization_id: str, part: Window) -> tuple[list[ExternalKey], bool]:
    """One page, and whether there are more."""
    table = tables.external_key
    query = select(table).where(table.c.deleted_at_ms.is_(None))
    page = await read_page(reading, query, table, part, scope=[table.c.organization_id == organization_id])
    return [_key_of(row) for row in page.rows], page.has_more


async def count_external_keys(reading: Reading, organization_id: str) -> int:
    """How many keys the organization has."""
    row = await reading.first(select(func.count()).select_from(tables.external_key).where(*_live(organization_id)))
    return 0 if row is None else int(row[0])


async def projects_under(reading: Reading, organization_id: str, key_ids: Collection[str]) -> dict[str, list[str]]:
    """By key, the ids of the projects that name it and are not destroyed, oldest first."""
    project, destruction = tables.project, tables.destruction
    query = (
        select(project.c.id, project.c.external_key_id)
        .outerjoin(destruction, destruction.c.project_id == project.c.id)
        .where(
            project.c.organization_id == organization_id,
            project.c.external_key_id.in_(key_ids),
            destruction.c.destroyed_at_ms.is_(None),
        )
        .order_by(project.c.created_at_ms, project.c.id)
    )
    found: dict[str, list[str]] = {key_id: [] for key_id in key_ids}
    for row in await reading.all(query):
        found[row.external_key_id].append(row.id)
    return found


async def insert_external_key(writing: Writing, key: ExternalKey) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.external_key).values(
            id=key.id,
            organization_id=key.organization_id,
            name=key.name,
            region=key.region,
            kms_arn=key.kms_arn,
            created_at_ms=key.created_at_ms,
            **check_values(key.check),
        )
    )


async def set_check(writing: Writing, key: ExternalKey, check: Check) -> None:
    """Sets the check that the region is asked for."""
    await _update(writing, key, check_values(check))


async def remove_external_key(writing: Writing, key: ExternalKey, at_ms: int) -> None:
    """Marks the key as removed. Its row stays."""
    await _update(writing, key, {"deleted_at_ms": at_ms})


async def _update(writing: Writing, key: ExternalKey, values: dict[str, Any]) -> None:
    table = tables.external_key
    where = (table.c.id == key.id, table.c.organization_id == key.organization_id)
    await writing.execute(update(table).where(*where).values(**values))


def _live(organization_id: str) -> tuple[Any, ...]:
    table = tables.external_key
    return table.c.organization_id == organization_id, table.c.deleted_at_ms.is_(None)


def _key_of(row: Row[*tuple[Any, ...]]) -> ExternalKey:
    return ExternalKey(row.id, row.organization_id, row.name, row.region, row.kms_arn, row.created_at_ms, check_of(row))
