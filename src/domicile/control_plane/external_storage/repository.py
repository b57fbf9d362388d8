"""External storages in the database. Every query names the organization, and no row holds a secret."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.control_plane.service_checks import Check, check_of, check_values
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class ExternalStorage:
    """A bucket for one project. Only its check ever changes."""

    id: str
    organization_id: str
    project_id: str
    region: str
    """The project's region."""
    bucket: str
    signing_region: str
    country: str
    created_at_ms: int
    check: Check


async def find_storage(reading: Reading, organization_id: str, storage_id: str) -> ExternalStorage | None:
    """The organization's storage. None for an unknown or removed one, and for another organization's."""
    table = tables.external_storage
    query = _query().where(
        table.c.id == storage_id, table.c.organization_id == organization_id, table.c.deleted_at_ms.is_(None)
    )
    row = await reading.first(query)
    return None if row is None else _storage_of(row)


async def find_storage_of(reading: Reading, organization_id: str, project_id: str) -> ExternalStorage | None:
    """The storage that the project has or, once archived, had."""
    table = tables.external_storage
    query = _query().where(table.c.project_id == project_id, table.c.organization_id == organization_id)
    row = await reading.first(query)
    return None if row is None else _storage_of(row)


async def list_storages(
    reading: Reading, organization_id: str, part: Window, *, project_id: str | None
) -> tuple[list[ExternalStorage], bool]:
    """One page, and whether there are more. `project_id` filters."""
    table = tables.external_storage
    query = _query().where(table.c.deleted_at_ms.is_(None))
    if project_id is not None:
        query = query.where(table.c.project_id == project_id)
    page = await read_page(reading, query, table, part, scope=[table.c.organization_id == organization_id])
    return [_storage_of(row) for row in page.rows], page.has_more


async def insert_storage(writing: Writing, storage: ExternalStorage) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.external_storage).values(
            id=storage.id,
            organization_id=storage.organization_id,
            project_id=storage.project_id,
            bucket=storage.bucket,
            signing_region=storage.signing_region,
            country=storage.country,
            created_at_ms=storage.created_at_ms,
            **check_values(storage.check),
        )
    )


async def set_check(writing: Writing, storage: ExternalStorage, check: Check) -> None:
    """Sets the check that the region is asked for."""
    await _update(writing, storage, check_values(check))


async def remove_storage(writing: Writing, storage: ExternalStorage, at_ms: int) -> None:
    """Marks the storage as removed. Its row stays."""
    await _update(writing, storage, {"deleted_at_ms": at_ms})


async def _update(writing: Writing, storage: ExternalStorage, values: dict[str, Any]) -> None:
    table = tables.external_storage
    where = (table.c.id == storage.id, table.c.organization_id == storage.organization_id)
    await writing.execute(update(table).where(*where).values(**values))


def _query() -> Select[*tuple[Any, ...]]:
    table, project = tables.external_storage, tables.project
    return select(table, project.c.region).join(project, project.c.id == table.c.project_id)


def _storage_of(row: Row[*tuple[Any, ...]]) -> ExternalStorage:
    return ExternalStorage(
        id=row.id,
        organization_id=row.organization_id,
        project_id=row.project_id,
        region=row.region,
        bucket=row.bucket,
        signing_region=row.signing_region,
        country=row.country,
        created_at_ms=row.created_at_ms,
        check=check_of(row),
    )
