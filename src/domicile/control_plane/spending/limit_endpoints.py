"""Spending limits over HTTP, in OpenAI's shapes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.spending.limits import SpendLimits
from domicile.control_plane.spending.repository import SpendLimit
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json

BODY_LIMIT = body_limit("/v1/organization")

CENTS_MAX = 10**11
"""A billion dollars."""


class _Put(Struct, forbid_unknown_fields=True):
    threshold_amount: Annotated[int, Meta(ge=1, le=CENTS_MAX)]
    currency: Literal["USD"]
    interval: Literal["month"]


class SpendLimitEndpoints:
    """Handlers for the organization's path and for a project's; the URL map is in `control_plane.http`."""

    def __init__(self, limits: SpendLimits) -> None:
        self._limits = limits

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """The limit."""
        return json_response(_render(await self._limits.get(administrator, request.path_params.get("project_id"))))

    async def put(self, administrator: Administrator, request: Request) -> Response:
        """Sets the limit, in the place of an earlier one."""
        body = await read_json(request, _Put, limit_bytes=BODY_LIMIT)
        project_id = request.path_params.get("project_id")
        return json_response(_render(await self._limits.put(administrator, project_id, body.threshold_amount)))

    async def remove(self, administrator: Administrator, request: Request) -> Response:
        """Removes the limit."""
        project_id = request.path_params.get("project_id")
        await self._limits.remove(administrator, project_id)
        return json_response({"object": f"{_noun(project_id)}.spend_limit.deleted", "deleted": True})


def _render(limit: SpendLimit) -> dict[str, Any]:
    return {
        "object": f"{_noun(limit.project_id)}.spend_limit",
        "threshold_amount": limit.cents,
        "currency": "USD",
        "interval": "month",
        # A limit is in force from the moment that it is set.
        "enforcement": {"status": "enforcing"},
    }


def _noun(project_id: str | None) -> str:
    return "organization" if project_id is None else "project"
