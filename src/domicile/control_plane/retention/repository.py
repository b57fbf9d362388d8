"""Retention in the database: a column of the organization's row and one of each project's."""

from sqlalchemy import select, update

from domicile.boundary.retention import ProjectRetention
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.projects.repository import Project, project_of


async def list_followers(reading: Reading, organization_id: str) -> list[Project]:
    """The organization's active projects without a retention of their own, oldest first."""
    table = tables.project
    query = (
        select(table)
        .where(
            table.c.organization_id == organization_id,
            table.c.status == "active",
            table.c.retention == ProjectRetention.ORGANIZATION_DEFAULT,
        )
        .order_by(table.c.created_at_ms, table.c.id)
    )
    return [project_of(row) for row in await reading.all(query)]


async def update_project_retention(writing: Writing, project: Project, retention: ProjectRetention) -> None:
    """Sets the project's own retention."""
    table = tables.project
    where = (table.c.id == project.id, table.c.organization_id == project.organization_id)
    await writing.execute(update(table).where(*where).values(retention=retention))
