"""Organizations in the database."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from domicile.boundary.retention import Retention
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.kernel import errors
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class Organization:
    """A customer. Its agreements are in `agreements.repository`."""

    id: str
    name: str
    created_at_ms: int
    retention: Retention = Retention.MODIFIED_ABUSE_MONITORING


async def get_organization(reading: Reading, organization_id: str) -> Organization:
    """The organization, or 404."""
    table = tables.organization
    row = await reading.first(select(table).where(table.c.id == organization_id))
    if row is None:
        raise errors.not_found("organization", organization_id)
    return _organization(row)


async def list_organizations(reading: Reading, part: Window) -> tuple[list[Organization], bool]:
    """One page, and whether there are more."""
    table = tables.organization
    page = await read_page(reading, select(table), table, part, scope=[])
    return [_organization(row) for row in page.rows], page.has_more


async def insert_organization(writing: Writing, organization: Organization) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.organization).values(
            id=organization.id,
            name=organization.name,
            retention=organization.retention,
            created_at_ms=organization.created_at_ms,
        )
    )


async def update_retention(writing: Writing, organization: Organization, retention: Retention) -> None:
    """Sets the retention of all projects that follow the organization."""
    table = tables.organization
    await writing.execute(update(table).where(table.c.id == organization.id).values(retention=retention))


def _organization(row: Row[*tuple[Any, ...]]) -> Organization:
    return Organization(row.id, row.name, row.created_at_ms, Retention(row.retention))
