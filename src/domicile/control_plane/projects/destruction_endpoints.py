"""Destructions of projects over HTTP, in the operator API."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.deletion_records import DeletionRecord
from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.projects.destruction import Destructions
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query


class DestructionEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, destructions: Destructions, clock: Clock) -> None:
        self._destructions = destructions
        self._clock = clock

    async def request(self, operator: Operator, request: Request) -> Response:
        """Starts the grace period of a destruction."""
        begun = await self._destructions.request(operator, request.path_params["project_id"])
        return json_response(self._render(begun))

    async def cancel(self, operator: Operator, request: Request) -> Response:
        """Cancels a pending destruction."""
        cancelled = await self._destructions.cancel(operator, request.path_params["project_id"])
        return json_response({**self._render(cancelled), "status": "cancelled"})

    async def records(self, operator: Operator, request: Request) -> Response:
        """All destructions, newest first: pending, in progress or destroyed."""
        Query(request, ())
        records = [self._render(record) for record in await self._destructions.records(operator)]
        return json_response({"object": "list", "data": records})

    def _render(self, destruction: DeletionRecord) -> dict[str, Any]:
        destroyed_at_ms = destruction.destroyed_at_ms
        return {
            "object": "deletion_record",
            "project_id": destruction.project_id,
            "organization_id": destruction.organization_id,
            "region": destruction.region,
            "status": destruction.status(self._clock.now_ms()),
            "requested_at": seconds(destruction.requested_at_ms),
            "due_at": seconds(destruction.due_at_ms),
            "destroyed_at": None if destroyed_at_ms is None else seconds(destroyed_at_ms),
            "exports": destruction.exports,
        }
