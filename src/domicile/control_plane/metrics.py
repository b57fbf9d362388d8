"""GET /metrics of the control plane, for the operator: how it answers, and how far each region is behind it.

Polls, ingest and administration are requests, counted by route, status and code. Usage is not here: it is billing data,
and the Admin API shows each organization its own.
"""

from prometheus_client import CollectorRegistry, Gauge
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.regions.service import Regions, RegionStatus
from domicile.web.observability.http_metrics import exposition


class ControlMetrics:
    """Reads the state of the regions at the moment at which it is asked."""

    def __init__(self, registry: CollectorRegistry, regions: Regions) -> None:
        self._registry = registry
        self._regions = regions
        self._enrolled = self._gauge("region_enrolled", "Whether the region has been enrolled.")
        self._epoch = self._gauge("published_epoch", "The epoch of the last publication for the region.")
        self._number = self._gauge("published_number", "Its number: the publications of that epoch so far.")
        self._replicas = self._gauge("region_replicas", "Replicas heard of within the last hour.")
        self._contact = self._gauge("region_last_poll_age_seconds", "Since the replica that polled last did so.")
        self._acknowledged = self._gauge(
            "region_unacknowledged_seconds",
            "0 while every replica has acknowledged the last publication, else since the last poll of one that has not.",
        )

    async def show(self, operator: Operator, _request: Request) -> Response:
        """The text."""
        for status in await self._regions.status(operator):
            self._look(status)
        return exposition(self._registry)

    def _look(self, status: RegionStatus) -> None:
        code, contacts = status.settings.code, status.replicas.values()
        epoch, number = status.published
        behind = [contact.age_s for contact in contacts if contact.version < status.published]
        self._enrolled.labels(code).set(status.enrolled_at_ms is not None)
        self._epoch.labels(code).set(epoch)
        self._number.labels(code).set(number)
        self._replicas.labels(code).set(len(status.replicas))
        # Never heard of is no number: an alert on "too long ago" must not be silent then.
        self._contact.labels(code).set(min((contact.age_s for contact in contacts), default=float("inf")))
        self._acknowledged.labels(code).set(max(behind, default=0))

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"domicile_{name}", text, ["region"], registry=self._registry)
