"""Projects over HTTP, in OpenAI's shapes. They show `geography` and `region` as well, beside `residency`."""

from typing import Any

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.names import Identifier, Name
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.repository import Project
from domicile.control_plane.projects.service import Projects
from domicile.kernel.clock import seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")


class _Create(Struct, forbid_unknown_fields=True):
    name: Name
    residency: str | None = None
    geography: str | None = None
    external_key_id: Identifier | None = None


class _Modify(Struct, forbid_unknown_fields=True):
    name: Name | None = None
    residency: str | None = None
    geography: str | None = None
    external_key_id: str | None = None


class ProjectEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, projects: Projects) -> None:
        self._projects = projects

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of active projects, oldest first by default. `include_archived` adds the archived ones."""
        query = Query(request, PAGE_PARAMETERS | {"include_archived"})
        projects, has_more = await self._projects.page(
            administrator, window(query), include_archived=query.boolean("include_archived") or False
        )
        return json_response(listing([self._render(project) for project in projects], has_more=has_more))

    async def create(self, administrator: Administrator, request: Request) -> Response:
        """Creates a project."""
        body = await read_json(request, _Create, limit_bytes=BODY_LIMIT)
        project = await self._projects.create(
            administrator,
            name=body.name,
            residency=body.residency,
            geography=body.geography,
            external_key_id=body.external_key_id,
            attempt=read_attempt(administrator, request, body),
        )
        return json_response(self._render(project))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One project."""
        return json_response(self._render(await self._projects.get(administrator, request.path_params["project_id"])))

    async def modify(self, administrator: Administrator, request: Request) -> Response:
        """Sets the name."""
        body = await read_json(request, _Modify, limit_bytes=BODY_LIMIT)
        project = await self._projects.modify(
            administrator,
            request.path_params["project_id"],
            name=body.name,
            residency=body.residency,
            geography=body.geography,
            external_key_id=body.external_key_id,
        )
        return json_response(self._render(project))

    async def archive(self, administrator: Administrator, request: Request) -> Response:
        """Archives the project. Its keys stop working."""
        project = await self._projects.archive(administrator, request.path_params["project_id"])
        return json_response(self._render(project))

    def _render(self, project: Project) -> dict[str, Any]:
        region = self._projects.region(project)
        return {
            "id": project.id,
            "object": "organization.project",
            "name": project.name,
            "created_at": seconds(project.created_at_ms),
            "archived_at": None if project.archived_at_ms is None else seconds(project.archived_at_ms),
            "status": project.status,
            "external_key_id": project.external_key_id,
            "residency": region.residency,
            "geography": region.geography,
            "region": region.code,
        }
