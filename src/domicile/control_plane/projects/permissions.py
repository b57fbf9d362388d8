"""What the keys of a project may use, and from where: its models and its networks. The region enforces both."""

import ipaddress
from dataclasses import replace
from typing import Any

from domicile.boundary.permissions import ModelPermissions, PermissionMode
from domicile.catalogue.catalogue import Catalogue
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project, get_project, set_permissions
from domicile.control_plane.projects.service import require_active
from domicile.kernel import errors
from domicile.settings.installation import Installation

NETWORKS_MAX = 200


class ProjectPermissions:
    """Reads and sets the permissions of an organization's projects."""

    def __init__(self, reader: Reader, changes: Changes, installation: Installation, catalogue: Catalogue) -> None:
        self._reader = reader
        self._changes = changes
        self._installation = installation
        self._catalogue = catalogue

    async def get(self, administrator: Administrator, project_id: str) -> Project:
        """The project with its permissions."""
        async with self._reader.reading(administrator) as reading:
            return await get_project(reading, administrator.organization_id, project_id)

    async def set_models(
        self, administrator: Administrator, project_id: str, mode: PermissionMode, names: list[str]
    ) -> Project:
        """Set the models that the project may use, or may not. An alias stands for its snapshot.

        Raises 400 for a name that is no model of the project's region.
        """
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            models = ModelPermissions(mode, self._snapshots(project, names))
            detail = {"mode": mode.value, "model_ids": list(models.models)}
            after = replace(project, model_permissions=models)
            if after != project:
                event = _event("project.model_permissions_updated", project, detail)
                await set_permissions(await change.record(event), after)
                change.publish_to(project.region, project.id)
        return after

    async def allow_all_models(self, administrator: Administrator, project_id: str) -> None:
        """Remove the restriction of models, if there is one."""
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            if project.model_permissions is not None:
                event = _event("project.model_permissions_updated", project, {"mode": None})
                await set_permissions(await change.record(event), replace(project, model_permissions=None))
                change.publish_to(project.region, project.id)

    async def set_networks(self, administrator: Administrator, project_id: str, networks: list[str]) -> Project:
        """Set the networks from which the project's keys may be used. Empty: all networks.

        Raises 400 for a text that is no address and no network.
        """
        allowed = _networks(networks)
        async with self._changes.begin(administrator) as change:
            project = await get_project(change, administrator.organization_id, project_id)
            require_active(project)
            after = replace(project, networks=allowed)
            if after != project:
                kind = "ip_allowlist.updated" if allowed else "ip_allowlist.deleted"
                event = _event(kind, project, {"allowed_ips": list(allowed or project.networks)})
                await set_permissions(await change.record(event), after)
                change.publish_to(project.region, project.id)
        return after

    def _snapshots(self, project: Project, names: list[str]) -> tuple[str, ...]:
        here = {
            entry.name for entry in self._catalogue.models(self._installation.region(project.region).catalogue_rows)
        }
        found = {name: self._catalogue.find_model(name) for name in names}
        snapshots = {entry.name for entry in found.values() if entry is not None}
        if None in found.values() or not snapshots <= here:
            raise errors.invalid_value(
                "'model_ids' must name models of the project's region, as GET /v1/models of the region lists them.",
                "model_ids",
            )
        return tuple(sorted(snapshots))


def _networks(texts: list[str]) -> tuple[str, ...]:
    try:
        found = {ipaddress.ip_network(text) for text in texts}
    except ValueError:
        raise errors.invalid_value(
            "'allowed_ips' must hold addresses such as '203.0.113.7' and networks such as '203.0.113.0/24', whose address has "
            "no bits set beyond the length of its prefix.",
            "allowed_ips",
        ) from None
    if any(isinstance(network, ipaddress.IPv6Network) and network.network_address.scope_id for network in found):
        raise errors.invalid_value("'allowed_ips' must hold no address with a zone.", "allowed_ips")
    return tuple(str(network) for network in sorted(found, key=lambda network: (network.version, str(network))))


def _event(kind: str, project: Project, detail: dict[str, Any]) -> Event:
    return Event(kind, project.id, organization_id=project.organization_id, project_id=project.id, detail=detail)
