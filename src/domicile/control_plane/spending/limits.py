"""Hard spending limits of an organization and of its projects, in each calendar month."""

from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project, get_project
from domicile.control_plane.projects.service import require_active
from domicile.control_plane.publication.shards import regions_of
from domicile.control_plane.spending.repository import SpendLimit, find_limit, put_limit, remove_limit
from domicile.kernel import errors


class SpendLimits:
    """Reads and sets limits. `project_id`: None for the organization's own. All raise 404 for an unknown project."""

    def __init__(self, reader: Reader, changes: Changes) -> None:
        self._reader = reader
        self._changes = changes

    async def get(self, administrator: Administrator, project_id: str | None) -> SpendLimit:
        """The limit. Raises 404 without one."""
        async with self._reader.reading(administrator) as reading:
            await find_owner(reading, administrator, project_id)
            return await _get(reading, administrator, project_id)

    async def put(self, administrator: Administrator, project_id: str | None, cents: int) -> SpendLimit:
        """Set the limit, in the place of an earlier one."""
        async with self._changes.begin(administrator) as change:
            project = await find_owner(change, administrator, project_id)
            if project is not None:
                require_active(project)
            limit = SpendLimit(administrator.organization_id, project_id, cents)
            writing = await change.record(_event("spend_limit.updated", limit, cents=cents))
            await put_limit(writing, limit)
            await _publish(change, limit, project)
        return limit

    async def remove(self, administrator: Administrator, project_id: str | None) -> None:
        """Remove the limit. Raises 404 without one."""
        async with self._changes.begin(administrator) as change:
            project = await find_owner(change, administrator, project_id)
            limit = await _get(change, administrator, project_id)
            writing = await change.record(_event("spend_limit.deleted", limit))
            await remove_limit(writing, limit)
            await _publish(change, limit, project)


async def find_owner(reading: Reading, administrator: Administrator, project_id: str | None) -> Project | None:
    """The project whose limit or alert is meant; None for the organization itself. Raises 404."""
    return None if project_id is None else await get_project(reading, administrator.organization_id, project_id)


async def _get(reading: Reading, administrator: Administrator, project_id: str | None) -> SpendLimit:
    limit = await find_limit(reading, administrator.organization_id, project_id)
    if limit is None:
        raise errors.not_found("spend limit", project_id or administrator.organization_id)
    return limit


async def _publish(change: Change, limit: SpendLimit, project: Project | None) -> None:
    regions = await regions_of(change, limit.organization_id) if project is None else [project.region]
    for region in regions:
        change.publish_to(region, limit.owner_id)


def _event(kind: str, limit: SpendLimit, **requested: int) -> Event:
    return Event(
        kind,
        limit.owner_id,
        organization_id=limit.organization_id,
        project_id=limit.project_id,
        detail={"changes_requested": requested},
    )
