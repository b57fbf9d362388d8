"""Permissions of projects over HTTP: models in OpenAI's shape. For the IP allowlist OpenAI has events but no path."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.permissions import PermissionMode
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.permissions import NETWORKS_MAX, ProjectPermissions
from domicile.control_plane.projects.repository import Project
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

_Model = Annotated[str, Meta(min_length=1, max_length=128)]
_Network = Annotated[str, Meta(min_length=2, max_length=64)]


class _Models(Struct, forbid_unknown_fields=True):
    mode: PermissionMode
    model_ids: Annotated[list[_Model], Meta(max_length=1000)]


class _Allowlist(Struct, forbid_unknown_fields=True):
    allowed_ips: Annotated[list[_Network], Meta(max_length=NETWORKS_MAX)]


class PermissionEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, permissions: ProjectPermissions) -> None:
        self._permissions = permissions

    async def get_models(self, administrator: Administrator, request: Request) -> Response:
        """The list in force. A project without one may use every model: nothing is denied."""
        Query(request, set())
        return json_response(_models(await self._permissions.get(administrator, request.path_params["project_id"])))

    async def set_models(self, administrator: Administrator, request: Request) -> Response:
        """Replaces the list."""
        body = await read_json(request, _Models, limit_bytes=BODY_LIMIT)
        project_id = request.path_params["project_id"]
        return json_response(
            _models(await self._permissions.set_models(administrator, project_id, body.mode, body.model_ids))
        )

    async def delete_models(self, administrator: Administrator, request: Request) -> Response:
        """Removes the list: the project may use every model."""
        await self._permissions.allow_all_models(administrator, request.path_params["project_id"])
        return json_response({"object": "project.model_permissions.deleted", "deleted": True})

    async def get_networks(self, administrator: Administrator, request: Request) -> Response:
        """The networks in force. None: the project's keys may be used from everywhere."""
        Query(request, set())
        return json_response(_networks(await self._permissions.get(administrator, request.path_params["project_id"])))

    async def set_networks(self, administrator: Administrator, request: Request) -> Response:
        """Replaces the networks."""
        body = await read_json(request, _Allowlist, limit_bytes=BODY_LIMIT)
        project_id = request.path_params["project_id"]
        return json_response(
            _networks(await self._permissions.set_networks(administrator, project_id, body.allowed_ips))
        )

    async def delete_networks(self, administrator: Administrator, request: Request) -> Response:
        """Removes all networks: the project's keys may be used from everywhere."""
        await self._permissions.set_networks(administrator, request.path_params["project_id"], [])
        return json_response({"object": "project.ip_allowlist.deleted", "deleted": True})


def _models(project: Project) -> dict[str, Any]:
    models = project.model_permissions
    mode, names = (PermissionMode.DENY_LIST, ()) if models is None else (models.mode, models.models)
    return {"object": "project.model_permissions", "mode": mode.value, "model_ids": list(names)}


def _networks(project: Project) -> dict[str, Any]:
    return {"object": "project.ip_allowlist", "allowed_ips": list(project.networks)}
