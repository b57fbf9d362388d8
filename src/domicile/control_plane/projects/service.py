"""Creates, renames and archives projects. A project never moves to another region."""

from dataclasses import replace
from typing import Any

from domicile.boundary.retention import ProjectRetention
from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.external_keys.service import require_usable_key
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import (
    Project,
    archive_project,
    get_project,
    insert_project,
    list_projects,
    rename_project,
)
from domicile.control_plane.region_choice import choose_region, require_open_region
from domicile.kernel import errors
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window
from domicile.settings.installation import Installation, RegionSettings


class Projects:
    """An organization's projects."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation

    def region(self, project: Project) -> RegionSettings:
        """The configuration of a project's region."""
        return self._installation.region(project.region)

    async def page(
        self, administrator: Administrator, part: Window, *, include_archived: bool
    ) -> tuple[list[Project], bool]:
        """One page, and whether there are more."""
        async with self._reader.reading(administrator) as reading:
            return await list_projects(reading, administrator.organization_id, part, include_archived=include_archived)

    async def get(self, administrator: Administrator, project_id: str) -> Project:
        """One project, archived or not."""
        async with self._reader.reading(administrator) as reading:
            return await get_project(reading, administrator.organization_id, project_id)

    async def create(
        self,
        administrator: Administrator,
        *,
        name: str,
        residency: str | None,
        geography: str | None,
        external_key_id: str | None = None,
        attempt: Attempt | None = None,
    ) -> Project:
        """Creates a project in the named region, or in the default region (C09, C11).

        Raises 400 for an unknown region, 403 without the agreements that it requires (C01), 503 before it is enrolled. Also 400
        for an external key that is unknown, of another region, or not found usable by its region.
        """
        region = choose_region(self._installation, residency=residency, geography=geography)
        async with self._changes.begin(administrator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await get_project(change, administrator.organization_id, made.resource_id)
            await require_open_region(change, administrator.organization_id, region)
            if external_key_id is not None:
                await require_usable_key(change, administrator, external_key_id, region)
            project = Project(
                id=new_id("proj_"),
                organization_id=administrator.organization_id,
                name=name,
                region=region.code,
                retention=_first_retention(region),
                created_at_ms=change.now_ms,
                external_key_id=external_key_id,
            )
            data = {"name": name, "title": name, "residency": region.residency, "region": region.code}
            if external_key_id is not None:
                data["external_key_id"] = external_key_id
            writing = await change.record(_event("project.created", project, {"data": data}))
            await insert_project(writing, project)
            await remember(writing, attempt, change.now_ms, project.id)
            change.publish_to(region.code, project.id, project.organization_id)
        return project

    async def modify(
        self,
        administrator: Administrator,
        project_id: str,
        *,
        name: str | None,
        residency: str | None,
        geography: str | None,
        external_key_id: str | None,
    ) -> Project:
        """Sets the name.

        Raises 400 for an archived project, and when another region (C10) or external key than its own is named.
        """
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            region = self.region(project)
            if residency not in {None, region.residency}:
                raise control_errors.residency_immutable()
            if geography is not None and geography.upper() != region.geography:
                raise control_errors.residency_immutable()
            if external_key_id not in {None, project.external_key_id}:
                raise control_errors.external_key_immutable()
            require_active(project)
            if name is None or name == project.name:
                return project
            writing = await change.record(_event("project.updated", project, {"changes_requested": {"title": name}}))
            await rename_project(writing, project, name)
        return replace(project, name=name)

    async def archive(self, administrator: Administrator, project_id: str) -> Project:
        """Archives the project: its keys stop working, the project stays. A second call changes nothing."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            if project.archived_at_ms is not None:
                return project
            writing = await change.record(_event("project.archived", project, {}))
            await archive_project(writing, project, change.now_ms)
            change.publish_to(project.region, project.id, project.organization_id)
        return replace(project, archived_at_ms=change.now_ms)


def require_active(project: Project) -> None:
    """Raises 400 for an archived project, which can only be read."""
    if project.archived_at_ms is not None:
        raise errors.invalid_request(
            f"Project '{project.id}' is archived: it can be read, but nothing can be made or changed in it.",
            code="project_archived",
        )


def _first_retention(region: RegionSettings) -> ProjectRetention:
    if "zdr" in region.requires:
        return ProjectRetention.ZERO_DATA_RETENTION
    return ProjectRetention.ORGANIZATION_DEFAULT


def _event(type_: str, project: Project, detail: dict[str, Any]) -> Event:
    return Event(type_, project.id, organization_id=project.organization_id, project_id=project.id, detail=detail)
