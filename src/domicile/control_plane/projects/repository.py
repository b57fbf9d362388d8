"""Projects in the database. Every query names the organization."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from domicile.boundary.permissions import (
    ModelPermissions,
    decode_model_permissions,
    decode_networks,
    encode_model_permissions,
    encode_networks,
)
from domicile.boundary.rate_limits import ProjectRateLimit, decode_rate_limits, encode_rate_limits
from domicile.boundary.retention import ProjectRetention
from domicile.boundary.usage import ServiceTier
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.kernel import errors
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class Project:
    """A project. Its region and its organization never change (C10)."""

    id: str
    organization_id: str
    name: str
    region: str
    retention: ProjectRetention
    created_at_ms: int
    archived_at_ms: int | None = None
    external_key_id: str | None = None
    """The organization's own key that wraps the project's key. It never changes."""
    rate_limits: tuple[ProjectRateLimit, ...] = ()
    """Those of its own, by model."""
    model_permissions: ModelPermissions | None = None
    """None: it may use every model."""
    networks: tuple[str, ...] = ()
    """Those from which its keys may be used. Empty: all."""
    auto_tier: ServiceTier = ServiceTier.SCALE
    """What `service_tier: auto` means."""

    @property
    def status(self) -> str:
        """OpenAI's values: `active` or `archived`."""
        return "active" if self.archived_at_ms is None else "archived"


async def find_project(reading: Reading, organization_id: str, project_id: str) -> Project | None:
    """The organization's project. None for an unknown project and for another organization's."""
    table = tables.project
    query = select(table).where(table.c.id == project_id, table.c.organization_id == organization_id)
    row = await reading.first(query)
    return None if row is None else project_of(row)


async def get_project(reading: Reading, organization_id: str, project_id: str) -> Project:
    """The organization's project. Raises the same 404 for an unknown project and for another organization's."""
    project = await find_project(reading, organization_id, project_id)
    if project is None:
        raise errors.not_found("project", project_id)
    return project


async def list_projects(
    reading: Reading, organization_id: str, part: Window, *, include_archived: bool
) -> tuple[list[Project], bool]:
    """One page, and whether there are more."""
    table = tables.project
    query = select(table) if include_archived else select(table).where(table.c.status == "active")
    page = await read_page(reading, query, table, part, scope=[table.c.organization_id == organization_id])
    return [project_of(row) for row in page.rows], page.has_more


async def insert_project(writing: Writing, project: Project) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.project).values(
            id=project.id,
            organization_id=project.organization_id,
            name=project.name,
            region=project.region,
            retention=project.retention,
            status=project.status,
            created_at_ms=project.created_at_ms,
            external_key_id=project.external_key_id,
        )
    )


async def rename_project(writing: Writing, project: Project, name: str) -> None:
    """Sets the name."""
    await _update(writing, project, {"name": name})


async def set_rate_limits(writing: Writing, project: Project) -> None:
    """Sets the limits of the project's own."""
    await _update(writing, project, {"rate_limits": encode_rate_limits(project.rate_limits)})


async def set_permissions(writing: Writing, project: Project) -> None:
    """Sets the models and the networks of the project."""
    models = project.model_permissions
    column = None if models is None else encode_model_permissions(models)
    await _update(writing, project, {"model_permissions": column, "networks": encode_networks(project.networks)})


async def set_auto_tier(writing: Writing, project: Project) -> None:
    """Sets what `service_tier: auto` means."""
    await _update(writing, project, {"auto_tier": project.auto_tier})


async def archive_project(writing: Writing, project: Project, at_ms: int) -> None:
    """Sets the status and the time."""
    await _update(writing, project, {"status": "archived", "archived_at_ms": at_ms})


async def _update(writing: Writing, project: Project, values: dict[str, Any]) -> None:
    table = tables.project
    where = (table.c.id == project.id, table.c.organization_id == project.organization_id)
    await writing.execute(update(table).where(*where).values(**values))


def project_of(row: Row[*tuple[Any, ...]]) -> Project:
    """A project from its row."""
    return Project(
        id=row.id,
        organization_id=row.organization_id,
        name=row.name,
        region=row.region,
        retention=ProjectRetention(row.retention),
        created_at_ms=row.created_at_ms,
        archived_at_ms=row.archived_at_ms,
        external_key_id=row.external_key_id,
        rate_limits=decode_rate_limits(row.rate_limits),
        model_permissions=decode_model_permissions(row.model_permissions),
        networks=decode_networks(row.networks),
        auto_tier=ServiceTier(row.auto_tier),
    )
