"""Who may set which retention (design 5). Not even an organization's default may weaken what a region requires."""

from domicile.boundary.retention import ProjectRetention, Retention, effective_retention
from domicile.control_plane import control_errors
from domicile.control_plane.agreements.repository import Agreement, find_agreement
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.organizations.repository import get_organization, update_retention
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import get_project
from domicile.control_plane.projects.service import require_active
from domicile.control_plane.publication.shards import regions_of
from domicile.control_plane.retention.repository import list_followers, update_project_retention
from domicile.settings.installation import Installation


class RetentionControls:
    """Reads and sets the retention of the organization and of its projects, for an admin.

    When the operator withdraws an agreement, no value changes: a project keeps its retention, and the region refuses requests
    that the agreements no longer cover.
    """

    def __init__(self, reader: Reader, changes: Changes, installation: Installation) -> None:
        self._reader = reader
        self._changes = changes
        self._demanding = frozenset(region.code for region in installation.regions if "zdr" in region.requires)

    async def of_organization(self, administrator: Administrator) -> Retention:
        """The retention of all projects that follow the organization."""
        async with self._reader.reading(administrator) as reading:
            return (await get_organization(reading, administrator.organization_id)).retention

    async def of_project(self, administrator: Administrator, project_id: str) -> ProjectRetention:
        """The project's retention as it was set: `organization_default` is not resolved."""
        async with self._reader.reading(administrator) as reading:
            return (await get_project(reading, administrator.organization_id, project_id)).retention

    async def set_organization(self, administrator: Administrator, retention: Retention) -> None:
        """Sets the organization's retention.

        Raises 403 when a project that follows it is in a region that requires more, or the operator has not granted it.
        """
        async with self._changes.begin(administrator) as change:
            organization = await get_organization(change, administrator.organization_id)
            followers = await list_followers(change, organization.id)
            if not retention.is_zero:
                for project in followers:
                    if project.region in self._demanding:
                        raise control_errors.retention_required_by_region(project.region, followed_by=project.id)
            _require_grant(await find_agreement(change, organization.id), retention)
            if retention is organization.retention:
                return
            event = Event(
                "organization.updated",
                organization.id,
                organization_id=organization.id,
                detail={"changes_requested": {"data_retention": retention.value}},
            )
            await update_retention(await change.record(event), organization, retention)
            for region in await regions_of(change, organization.id):
                change.publish_to(region, organization.id)

    async def set_project(self, administrator: Administrator, project_id: str, retention: ProjectRetention) -> None:
        """Sets the project's own retention. Raises 403 when its region requires more, or the operator has not granted it."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            organization = await get_organization(change, project.organization_id)
            effective = effective_retention(retention, organization.retention)
            if project.region in self._demanding and not effective.is_zero:
                raise control_errors.retention_required_by_region(project.region)
            if retention is not ProjectRetention.ORGANIZATION_DEFAULT:
                _require_grant(await find_agreement(change, organization.id), effective)
            if retention is project.retention:
                return
            event = Event(
                "project.updated",
                project.id,
                organization_id=organization.id,
                project_id=project.id,
                detail={"changes_requested": {"data_retention": retention.value}},
            )
            await update_project_retention(await change.record(event), project, retention)
            change.publish_to(project.region, project.id)


def _require_grant(agreement: Agreement, retention: Retention) -> None:
    """Raises 403 unless the operator has granted this retention. Enhanced ZDR is also ZDR, so it needs both grants."""
    if retention.is_enhanced and not agreement.enhanced_zdr:
        raise control_errors.enhanced_zdr_approval_required(retention)
    if retention.is_zero and not agreement.zdr_eligible:
        raise control_errors.zdr_eligibility_required_to_set(retention)
