"""The audit log over HTTP, in OpenAI's shape."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.audit import AuditReport
from domicile.boundary.usage import Received
from domicile.control_plane.audit.kinds import SHOWN_AS, kinds_of_types, known_kinds
from domicile.control_plane.audit.repository import AuditRow
from domicile.control_plane.audit.service import AuditFilter, AuditLog
from domicile.control_plane.paging import listing, window
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.kernel import errors
from domicile.kernel.clock import seconds
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

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
        """The organization's events, newest first, by the specification's types."""
        query = Query(request, _PARAMETERS | {"tenant_only"})
        types, tenant_only = query.texts("event_types"), query.boolean("tenant_only") or False
        kinds = kinds_of_types(types, tenant_only=tenant_only) if types or tenant_only else None
        return await self._page(administrator, query, kinds, _render_for_customer)

    async def page_of_all(self, operator: Operator, request: Request) -> Response:
        """The events of all organizations and regions, newest first, by our own kinds."""
        query = Query(request, _PARAMETERS)
        kinds = query.texts("event_types")
        return await self._page(operator, query, known_kinds(kinds) if kinds else None, _render_for_operator)

    async def ingest(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """Takes in a region's audit report."""
        return json_response(Received(await self._log.ingest(region, decode_json(body, AuditReport))))

    async def _page(
        self,
        principal: Administrator | Operator,
        query: Query,
        kinds: set[str] | None,
        render: Callable[[AuditRow], dict[str, Any]],
    ) -> Response:
        rows, has_more = await self._log.page(principal, _filter(query, kinds))
        return json_response(listing([render(row) for row in rows], has_more=has_more))


def _filter(query: Query, kinds: set[str] | None) -> AuditFilter:
    part = window(query)
    if query.texts("actor_emails"):
        raise errors.unsupported_parameter(
            "actor_emails", "Actors have no email address on this platform; use 'actor_ids'."
        )
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
        kinds=kinds,
        actor_ids=query.texts("actor_ids"),
        resource_ids=query.texts("resource_ids"),
    )


def _render_for_customer(row: AuditRow) -> dict[str, Any]:
    event = _event(row, SHOWN_AS[row.type])
    by_key = row.actor_type == "api_key"
    event["actor"] = {"type": "api_key", "api_key": {"id": row.actor_id, "type": "user"}} if by_key else None
    event["domicile"] = {"type": row.type, "actor": row.actor_type, **_where(row)}
    return event


def _render_for_operator(row: AuditRow) -> dict[str, Any]:
    actor: dict[str, Any] = {"type": row.actor_type}
    if row.actor_type == "api_key":
        actor["api_key"] = {"id": row.actor_id, "type": "user"}
    elif row.actor_type == "region":
        actor["region"] = {"code": row.region, "id": row.actor_id}
    return {**_event(row, row.type), "actor": actor, **_where(row)}


def _event(row: AuditRow, type_: str) -> dict[str, Any]:
    event: dict[str, Any] = {
        "id": row.id,
        "type": type_,
        "effective_at": seconds(row.effective_at_ms),
        type_: {"id": row.resource_id, **row.detail},
    }
    if row.project_id is not None:
        event["project"] = {"id": row.project_id, "name": row.project_name}
    return event


def _where(row: AuditRow) -> dict[str, str]:
    found = {"organization_id": row.organization_id, "region": row.region}
    return {name: value for name, value in found.items() if value is not None}
