"""GET /metrics of the control plane, for the operator: its own requests, and how far each region is behind.

Polls, reports and administration are requests, counted by route, status and code. Usage is absent: it is billing data, which
the Admin API shows to each organization.
"""

from prometheus_client import CollectorRegistry, Gauge
from starlette.requests import Request
from starlette.responses import Response

from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.regions.service import Regions, RegionStatus
from domicile.web.observability.http_metrics import exposition


class ControlMetrics:
    """Gauges of the regions, updated at each scrape."""

    def __init__(self, registry: CollectorRegistry, regions: Regions) -> None:
        self._registry = registry
        self._regions = regions
        self._enrolled = self._gauge("region_enrolled", "Whether the region has been enrolled.")
        self._epoch = self._gauge("published_epoch", "The epoch of the last publication for the region.")
        self._number = self._gauge("published_number", "The number of the last publication, from 1 in each epoch.")
        self._replicas = self._gauge("region_replicas", "Replicas that polled within the last hour.")
        self._contact = self._gauge("region_last_poll_age_seconds", "Seconds since the last poll of any replica.")
        self._acknowledged = self._gauge(
            "region_unacknowledged_seconds",
            "0 when every replica has acknowledged the last publication, else seconds since the last poll of one that has not.",
        )

    async def show(self, operator: Operator, _request: Request) -> Response:
        """Updates the gauges, and returns all metrics of the process as text."""
        for status in await self._regions.status(operator):
            self._update(status)
        return exposition(self._registry)

    def _update(self, status: RegionStatus) -> None:
        code, contacts = status.settings.code, status.replicas.values()
        epoch, number = status.published
        behind = [contact.age_s for contact in contacts if contact.version < status.published]
        self._enrolled.labels(code).set(status.enrolled_at_ms is not None)
        self._epoch.labels(code).set(epoch)
        self._number.labels(code).set(number)
        self._replicas.labels(code).set(len(status.replicas))
        # Infinity without any poll, so that an alert on a long silence fires.
        self._contact.labels(code).set(min((contact.age_s for contact in contacts), default=float("inf")))
        self._acknowledged.labels(code).set(max(behind, default=0))

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"domicile_{name}", text, ["region"], registry=self._registry)
