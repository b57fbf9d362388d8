"""Destructions of projects. Only the operator orders one, only for an archived project, and seven days pass before it begins.

After this grace period the region's snapshot carries a tombstone (`publication.shards`). The region destroys the project's
data and reports it. The report completes the deletion record.
"""

from typing import Any

from sqlalchemy import delete, insert, select

from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.deletion_records import DeletionRecord, find_destruction, list_destructions
from domicile.control_plane.grace import GRACE_MS
from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.projects.repository import Project, project_of
from domicile.kernel import errors


class Destructions:
    """Orders and cancels destructions, for the operator."""

    def __init__(self, reader: Reader, changes: Changes) -> None:
        self._reader = reader
        self._changes = changes

    async def request(self, operator: Operator, project_id: str) -> DeletionRecord:
        """Starts the grace period. A second request changes nothing. Raises 409 for a project that is not archived."""
        async with self._changes.begin(operator) as change:
            project = await _project(change, project_id)
            if project.archived_at_ms is None:
                raise control_errors.conflict(
                    "project_not_archived",
                    f"Project '{project_id}' is active. Only an archived project can be destroyed.",
                )
            known = await find_destruction(change, project_id)
            if known is not None:
                return known
            due_at_ms = change.now_ms + GRACE_MS
            writing = await change.record(_event("project.destruction_requested", project, {"due_at_ms": due_at_ms}))
            await writing.execute(
                insert(tables.destruction).values(
                    project_id=project_id,
                    organization_id=project.organization_id,
                    requested_at_ms=change.now_ms,
                    due_at_ms=due_at_ms,
                    counted_ms=0,
                    exports="[]",
                )
            )
        return DeletionRecord(project_id, project.organization_id, project.region, change.now_ms, due_at_ms, 0)

    async def cancel(self, operator: Operator, project_id: str) -> DeletionRecord:
        """Cancels a pending destruction. Raises 404 when there is none, 409 when the grace period is over."""
        async with self._changes.begin(operator) as change:
            project, known = await _project(change, project_id), await find_destruction(change, project_id)
            if known is None:
                raise errors.not_found("destruction of project", project_id)
            if known.is_told(change.now_ms):
                raise control_errors.conflict(
                    "destruction_begun",
                    f"The grace period of project '{project_id}' is over, so its destruction cannot be cancelled.",
                )
            writing = await change.record(_event("project.destruction_cancelled", project, {}))
            await writing.execute(delete(tables.destruction).where(tables.destruction.c.project_id == project_id))
        return known

    async def records(self, operator: Operator) -> list[DeletionRecord]:
        """All destructions, newest first."""
        async with self._reader.reading(operator) as reading:
            return await list_destructions(reading)


async def _project(change: Change, project_id: str) -> Project:
    row = await change.first(select(tables.project).where(tables.project.c.id == project_id))
    if row is None:
        raise errors.not_found("project", project_id)
    return project_of(row)


def _event(kind: str, project: Project, data: dict[str, Any]) -> Event:
    return Event(
        kind,
        project.id,
        organization_id=project.organization_id,
        project_id=project.id,
        region=project.region,
        detail={"data": data} if data else {},
    )
