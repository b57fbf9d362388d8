"""Spending alerts over HTTP, in OpenAI's shapes."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.idempotency import read_attempt
from domicile.control_plane.paging import PAGE_PARAMETERS, listing, window
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.spending.alert_repository import AlertTerms, SpendAlert
from domicile.control_plane.spending.alerts import SpendAlerts
from domicile.control_plane.spending.limit_endpoints import CENTS_MAX
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.reading import json_response, read_json
from domicile.web.query import Query

BODY_LIMIT = body_limit("/v1/organization")

_Text = Annotated[str, Meta(max_length=320, pattern=r"^[^\x00-\x1f]*\Z")]


class _Channel(Struct, forbid_unknown_fields=True):
    type: Literal["email"]
    recipients: Annotated[list[_Text], Meta(max_length=50)]
    subject_prefix: _Text | None = None


class _Terms(Struct, forbid_unknown_fields=True):
    threshold_amount: Annotated[int, Meta(ge=0, le=CENTS_MAX)]
    currency: Literal["USD"]
    interval: Literal["month"]
    notification_channel: _Channel

    def terms(self) -> AlertTerms:
        channel = self.notification_channel
        return AlertTerms(self.threshold_amount, tuple(channel.recipients), channel.subject_prefix)


class SpendAlertEndpoints:
    """Handlers for the organization's paths and for a project's; the URL map is in `control_plane.http`."""

    def __init__(self, alerts: SpendAlerts) -> None:
        self._alerts = alerts

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """One page of alerts, oldest first by default."""
        part = window(Query(request, PAGE_PARAMETERS | {"before"}), limit_min=0, backwards=True)
        alerts, has_more = await self._alerts.page(administrator, request.path_params.get("project_id"), part)
        return json_response(listing([_render(alert) for alert in alerts], has_more=has_more))

    async def create(self, administrator: Administrator, request: Request) -> Response:
        """Creates an alert."""
        body = await read_json(request, _Terms, limit_bytes=BODY_LIMIT)
        attempt = read_attempt(administrator, request, body)
        project_id = request.path_params.get("project_id")
        return json_response(_render(await self._alerts.create(administrator, project_id, body.terms(), attempt)))

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """One alert."""
        return json_response(_render(await self._alerts.get(administrator, *_named(request))))

    async def modify(self, administrator: Administrator, request: Request) -> Response:
        """Replaces what an alert says."""
        body = await read_json(request, _Terms, limit_bytes=BODY_LIMIT)
        return json_response(_render(await self._alerts.modify(administrator, *_named(request), body.terms())))

    async def remove(self, administrator: Administrator, request: Request) -> Response:
        """Deletes an alert."""
        project_id, alert_id = _named(request)
        await self._alerts.remove(administrator, project_id, alert_id)
        return json_response({"id": alert_id, "object": f"{_noun(project_id)}.spend_alert.deleted", "deleted": True})


def _named(request: Request) -> tuple[str | None, str]:
    return request.path_params.get("project_id"), request.path_params["alert_id"]


def _render(alert: SpendAlert) -> dict[str, Any]:
    terms = alert.terms
    return {
        "id": alert.id,
        "object": f"{_noun(alert.project_id)}.spend_alert",
        "threshold_amount": terms.cents,
        "currency": "USD",
        "interval": "month",
        "notification_channel": {
            "type": "email",
            "recipients": terms.recipients,
            "subject_prefix": terms.subject_prefix,
        },
    }


def _noun(project_id: str | None) -> str:
    return "organization" if project_id is None else "project"
