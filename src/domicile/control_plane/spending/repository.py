"""Spending limits in the database."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """A hard limit in each month. `project_id`: None for the organization's own."""

    organization_id: str
    project_id: str | None
    cents: int

    @property
    def owner_id(self) -> str:
        """The id of the project, or else of the organization."""
        return self.project_id or self.organization_id


async def find_limit(reading: Reading, organization_id: str, project_id: str | None) -> SpendLimit | None:
    """The limit of a project, or of the organization itself."""
    row = await reading.first(select(tables.spend_limit).where(*_is(organization_id, project_id)))
    return None if row is None else SpendLimit(row.organization_id, row.project_id, row.cents)


async def put_limit(writing: Writing, limit: SpendLimit) -> None:
    """Sets the limit, in the place of an earlier one."""
    statement = writing.insert_into(tables.spend_limit).values(
        owner_id=limit.owner_id,
        organization_id=limit.organization_id,
        project_id=limit.project_id,
        cents=limit.cents,
    )
    await writing.execute(
        statement.on_conflict_do_update(index_elements=["owner_id"], set_={"cents": statement.excluded.cents})
    )


async def remove_limit(writing: Writing, limit: SpendLimit) -> None:
    """Removes the limit."""
    await writing.execute(delete(tables.spend_limit).where(*_is(limit.organization_id, limit.project_id)))


def _is(organization_id: str, project_id: str | None) -> tuple[ColumnElement[bool], ...]:
    table = tables.spend_limit
    return table.c.owner_id == (project_id or organization_id), table.c.organization_id == organization_id
