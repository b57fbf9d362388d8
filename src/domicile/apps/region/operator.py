"""Builds the region's operator listener, with its own port and its own key: health, metrics and blocks."""

from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import TypedDict

import structlog

from domicile.apps.listeners import BoundListener
from domicile.apps.region.foundation import Foundation
from domicile.apps.region.request_path import RequestPath
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.operator.app import OperatorEndpoints, build_operator_application
from domicile.data_plane.operator.blocks import BlockEndpoints
from domicile.data_plane.operator.health import HealthDetail
from domicile.data_plane.operator.held_content import HeldContent
from domicile.data_plane.operator.job_metrics import JobMetrics
from domicile.data_plane.operator.ledger_sums import LedgerSums
from domicile.data_plane.operator.metrics import Metrics, WorkMetrics
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.secret_files import write_secret
from domicile.persistence.database import Database
from domicile.process.descriptors import OPERATOR_CONNECTIONS
from domicile.settings.installation import RegionSettings
from domicile.web.observability.http_metrics import HttpMetrics, new_registry
from domicile.web.operator_keys import OperatorKeys
from domicile.web.server.http_server import HttpServer

log = structlog.get_logger("operator")

KEY_FILE = "operator-key"
URL_FILE = "operator-url"


class _ReplicaParts(TypedDict):
    """The parts that both health and metrics read."""

    snapshots: CurrentSnapshot
    router: Router
    meter: Meter
    metering: Database
    clock: RegionClock
    limits: SharedQuotas | None


class RegionOperator:
    """The region's metrics, and the operator listener that shows them."""

    def __init__(self, settings: RegionSettings) -> None:
        """Create the operator key at the first start. Raises `OperatorKeyFileError` if its file has no valid key."""
        self._settings = settings
        self._registry = new_registry()
        self._keys = OperatorKeys(settings.data / KEY_FILE)
        self.http = HttpMetrics(self._registry)
        self.work = WorkMetrics(self._registry)
        self.jobs = JobMetrics(self._registry)
        self.endpoints: OperatorEndpoints | None = None

    def show(self, replica: str, base: Foundation, path: RequestPath) -> None:
        """Build the endpoints from this replica's parts."""
        parts: _ReplicaParts = {
            "snapshots": base.snapshots,
            "router": path.engines.router,
            "meter": path.meter,
            "metering": base.storage.metering,
            "clock": base.clock,
            "limits": path.limits.shared,
        }
        self.endpoints = OperatorEndpoints(
            health=HealthDetail(region=self._settings.code, replica=replica, **parts),
            metrics=Metrics(self._registry, jobs=self.jobs, queue=base.storage.region, **parts),
            blocks=BlockEndpoints(path.blocks),
            held_content=HeldContent(base.storage.region, base.snapshots),
            ledger_sums=LedgerSums(base.storage.metering, base.clock),
            region=self._settings.code,
        )

    def listen(self, stack: AsyncExitStack, *, port: int | None = None, url_file: str = URL_FILE) -> HttpServer:
        """Bind the port and write its URL to `url_file` in `data`. `stack` removes the file at an orderly end.

        `port`: overrides the configured port. Raises OSError if the port is taken, RuntimeError before `show`.
        """
        if self.endpoints is None:
            raise RuntimeError("there is nothing to show yet")
        application = build_operator_application(self.endpoints, self._keys)
        listener = BoundListener(self._settings.operator.listen, port)
        stack.callback(listener.close)
        url = listener.url
        file = self._settings.data / url_file
        write_secret(file, f"{url}\n".encode())
        stack.callback(_remove, file, url)
        log.info("operator_listening", url=url)
        return listener.serve(
            application,
            drain_s=1.0,
            head_gate=lambda scope: self._keys.require(scope["headers"]),
            on_refusal=self.http.refused,
            max_connections=OPERATOR_CONNECTIONS,
        )


def _remove(file: Path, url: str) -> None:
    """Remove the file if it still has this process's URL. Another replica may have written its own."""
    with suppress(OSError):
        if file.read_text("ascii").strip() == url:
            file.unlink()
