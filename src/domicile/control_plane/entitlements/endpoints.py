"""Entitlements over HTTP: sold and ended in the operator API, read in the Admin API. The shapes are ours."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.spending import Nanodollars
from domicile.control_plane.entitlements.repository import SoldEntitlement
from domicile.control_plane.entitlements.service import Entitlements, Sale
from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.names import Identifier
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Administrator, Operator
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import MAX_TIME_S, Query

BODY_LIMIT = body_limit("/operator/v1")

_Units = Annotated[int, Meta(ge=1, le=10_000)]
_Time = Annotated[int, Meta(ge=0, le=MAX_TIME_S)]


class _Sell(Struct, forbid_unknown_fields=True):
    project_id: Identifier
    model: Identifier
    input_units: _Units
    output_units: _Units
    ends_at: _Time
    starts_at: _Time | None = None
    input_unit_nanodollars_per_day: Nanodollars = 0
    output_unit_nanodollars_per_day: Nanodollars = 0


class EntitlementEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, entitlements: Entitlements, clock: Clock) -> None:
        self._entitlements = entitlements
        self._clock = clock

    async def page_of_all(self, operator: Operator, request: Request) -> Response:
        """One page of all entitlements. `project_id` filters."""
        query = Query(request, PAGE_PARAMETERS | {"project_id"})
        return await self._page(operator, query, query.text("project_id"))

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of a project's entitlements."""
        return await self._page(administrator, Query(request, PAGE_PARAMETERS), request.path_params["project_id"])

    async def sell(self, operator: Operator, request: Request) -> Response:
        """Sells units of a model to a project."""
        body = await read_json(request, _Sell, limit_bytes=BODY_LIMIT)
        sale = Sale(
            project_id=body.project_id,
            model=body.model,
            input_units=body.input_units,
            output_units=body.output_units,
            input_unit_price=body.input_unit_nanodollars_per_day,
            output_unit_price=body.output_unit_nanodollars_per_day,
            from_ms=None if body.starts_at is None else body.starts_at * 1000,
            until_ms=body.ends_at * 1000,
        )
        sold = await self._entitlements.sell(operator, sale, read_attempt(operator, request, body))
        return json_response(self._render(sold))

    async def get_any(self, operator: Operator, request: Request) -> Response:
        """One entitlement of any project."""
        found = await self._entitlements.get(operator, request.path_params["entitlement_id"])
        return json_response(self._render(found))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One entitlement of a project."""
        entitlement_id, project_id = request.path_params["entitlement_id"], request.path_params["project_id"]
        found = await self._entitlements.get(administrator, entitlement_id, project_id=project_id)
        return json_response(self._render(found))

    async def end(self, operator: Operator, request: Request) -> Response:
        """Ends an entitlement now. It stays readable."""
        ended = await self._entitlements.end(operator, request.path_params["entitlement_id"])
        return json_response(self._render(ended))

    async def _page(self, principal: Operator | Administrator, query: Query, project_id: str | None) -> Response:
        found, has_more = await self._entitlements.page(principal, window(query), project_id=project_id)
        return json_response(listing([self._render(each) for each in found], has_more=has_more))

    def _render(self, sold: SoldEntitlement) -> dict[str, Any]:
        return {
            "object": "scale_tier.entitlement",
            "id": sold.id,
            "organization_id": sold.organization_id,
            "project_id": sold.project_id,
            "model": sold.models[0],
            "status": sold.status(self._clock.now_ms()),
            "input_units": sold.input_units,
            "output_units": sold.output_units,
            "input_tokens_per_minute": sold.input_tokens_per_minute,
            "output_tokens_per_minute": sold.output_tokens_per_minute,
            "input_unit_nanodollars_per_day": sold.input_unit_price,
            "output_unit_nanodollars_per_day": sold.output_unit_price,
            "starts_at": seconds(sold.from_ms),
            "ends_at": seconds(sold.until_ms),
            "created_at": seconds(sold.created_at_ms),
            "cancelled_at": None if sold.cancelled_at_ms is None else seconds(sold.cancelled_at_ms),
        }
