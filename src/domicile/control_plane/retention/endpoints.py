"""Retention over HTTP, in OpenAI's shapes: requests say `retention_type`, answers say `type`."""

from enum import StrEnum

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.retention import ProjectRetention, Retention
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.retention.service import RetentionControls
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json

BODY_LIMIT = body_limit("/v1/organization")


class _OfOrganization(Struct, forbid_unknown_fields=True):
    retention_type: Retention


class _OfProject(Struct, forbid_unknown_fields=True):
    retention_type: ProjectRetention


class RetentionEndpoints:
    """Handlers for both /data_retention paths."""

    def __init__(self, controls: RetentionControls) -> None:
        self._controls = controls

    async def get(self, administrator: Administrator, _request: Request) -> Response:
        """The organization's retention."""
        return _answer("organization.data_retention", await self._controls.of_organization(administrator))

    async def modify(self, administrator: Administrator, request: Request) -> Response:
        """Sets the organization's retention."""
        body = await read_json(request, _OfOrganization, limit_bytes=BODY_LIMIT)
        await self._controls.set_organization(administrator, body.retention_type)
        return _answer("organization.data_retention", body.retention_type)

    async def get_of_project(self, administrator: Administrator, request: Request) -> Response:
        """A project's retention as it was set: `organization_default` is not resolved."""
        found = await self._controls.of_project(administrator, request.path_params["project_id"])
        return _answer("project.data_retention", found)

    async def modify_of_project(self, administrator: Administrator, request: Request) -> Response:
        """Sets a project's retention."""
        body = await read_json(request, _OfProject, limit_bytes=BODY_LIMIT)
        await self._controls.set_project(administrator, request.path_params["project_id"], body.retention_type)
        return _answer("project.data_retention", body.retention_type)


def _answer(noun: str, retention: StrEnum) -> Response:
    return json_response({"object": noun, "type": retention.value})
