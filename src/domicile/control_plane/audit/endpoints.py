"""The audit log over HTTP, in OpenAI's shape."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.audit import AuditReport
from domicile.boundary.usage import Received
from domicile.control_plane.audit.repository import AuditRow
from domicile.control_plane.audit.service import AuditFilter, AuditLog
from domicile.control_plane.auth import Administrator, EnrolledRegion, Operator
from domicile.control_plane.paging import listing, window
from domicile.control_plane.query import Query
from domicile.kernel import errors
from domicile.kernel.clock import seconds
from domicile.web.json_body import decode_json
from domicile.web.requests import json_response

_TIMES = ("effective_at[gt]", "effective_at[gte]", "effective_at[lt]", "effective_at[lte]")
_PARAMETERS = {
    *_TIMES,
    "project_ids",
    "event_types",
    "actor_ids",
    "actor_emails",
    "resource_ids",
    "limit",
    "after",
    "before",
}


class AuditEndpoints:
    """Handlers of both APIs, and of the regions' reports."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """The organization's events, newest first."""
        return await self._page(administrator, request)

    async def page_of_all(self, operator: Operator, request: Request) -> Response:
        """Every organization's events and those of the regions, newest first."""
        return await self._page(operator, request)

    async def ingest(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """A region's report."""
        return json_response(Received(await self._log.ingest(region, decode_json(body, AuditReport))))

    async def _page(self, asker: Administrator | Operator, request: Request) -> Response:
        rows, has_more = await self._log.page(asker, _filter(Query(request, _PARAMETERS)))
        return json_response(listing([_render(row) for row in rows], has_more=has_more))


def _filter(query: Query) -> AuditFilter:
    part = window(query)
    if query.texts("actor_emails"):
        raise errors.unsupported_parameter("actor_emails", "Nobody here has an email address; use 'actor_ids'.")
    greater, at_least, less, at_most = (query.time(name) for name in _TIMES)
    earliest = [bound for bound in (at_least, None if greater is None else greater + 1) if bound is not None]
    latest = [bound for bound in (at_most, None if less is None else less - 1) if bound is not None]
    return AuditFilter(
        limit=part.limit,
        after=part.after,
        before=query.text("before"),
        earliest=max(earliest, default=None),
        latest=min(latest, default=None),
        project_ids=query.texts("project_ids"),
        event_types=query.texts("event_types"),
        actor_ids=query.texts("actor_ids"),
        resource_ids=query.texts("resource_ids"),
    )


def _render(row: AuditRow) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": row.id,
        "type": row.type,
        "effective_at": seconds(row.effective_at_ms),
        "actor": _actor(row),
        row.type: {"id": row.resource_id, **row.detail},
    }
    if row.project_id is not None:
        event["project"] = {"id": row.project_id, "name": row.project_name}
    if row.organization_id is not None:
        event["organization_id"] = row.organization_id
    if row.region is not None:
        event["region"] = row.region
    return event


def _actor(row: AuditRow) -> dict[str, Any]:
    if row.actor_type == "api_key":
        return {"type": "api_key", "api_key": {"id": row.actor_id, "type": "user"}}
    if row.actor_type == "region":
        return {"type": "region", "region": {"code": row.region, "id": row.actor_id}}
    return {"type": row.actor_type}
