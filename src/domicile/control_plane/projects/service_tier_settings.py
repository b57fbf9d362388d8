"""What `service_tier: auto` means in a project: scale where an entitlement has room, or the default tier always."""

from dataclasses import replace

from domicile.boundary.usage import ServiceTier
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import get_project, set_auto_tier
from domicile.control_plane.projects.service import require_active


class ServiceTierSettings:
    """Reads and sets the tier of an organization's projects."""

    def __init__(self, reader: Reader, changes: Changes) -> None:
        self._reader = reader
        self._changes = changes

    async def get(self, administrator: Administrator, project_id: str) -> ServiceTier:
        """The tier. Raises 404 for an unknown project."""
        async with self._reader.reading(administrator) as reading:
            return (await get_project(reading, administrator.organization_id, project_id)).auto_tier

    async def set(self, administrator: Administrator, project_id: str, tier: ServiceTier) -> None:
        """Sets the tier of an active project. Raises 404 for an unknown project."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            if project.auto_tier is tier:
                return
            event = Event(
                "service_tier_settings.updated",
                project.id,
                organization_id=project.organization_id,
                project_id=project.id,
                detail={"changes_requested": {"auto_tier": tier}},
            )
            await set_auto_tier(await change.record(event), replace(project, auto_tier=tier))
            change.publish_to(project.region, project.id)
