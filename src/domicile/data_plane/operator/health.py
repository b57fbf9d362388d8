"""GET /operator/v1/health: the state of a region, for diagnosis."""

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.clock import RegionClock
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.outbox_state import OutboxState, read_outbox_state
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.clock import seconds
from domicile.persistence.database import Database
from domicile.web.bodies.reading import json_response


class HealthDetail:
    """Shows the state of this replica. Only for the operator: it names engines and countries."""

    def __init__(
        self,
        *,
        region: str,
        replica: str,
        snapshots: CurrentSnapshot,
        router: Router,
        meter: Meter,
        metering: Database,
        clock: RegionClock,
        limits: SharedQuotas | None,
    ) -> None:
        """`limits`: those that are counted in a store."""
        self._region = region
        self._replica = replica
        self._snapshots = snapshots
        self._router = router
        self._meter = meter
        self._metering = metering
        self._clock = clock
        self._limits = limits
        self._started = time.monotonic()

    async def show(self, _request: Request) -> Response:
        """Answer with the state as one object.

        `snapshot` is null before the first one, `outbox` without the database, `limit_store` where none is configured.
        """
        outbox = await read_outbox_state(self._metering)
        now_ms = self._clock.now_ms()
        return json_response(
            {
                "object": "region.health",
                "region": self._region,
                "replica": self._replica,
                "uptime_seconds": int(time.monotonic() - self._started),
                "ready": self._snapshots.table is not None and self._router.any_healthy,
                "clock": {"correction_seconds": round(self._clock.correction_ms / 1000)},
                "snapshot": self._snapshot(now_ms),
                "outbox": _outbox(outbox, now_ms),
                "metering": {"backlog": self._meter.backlog},
                "limit_store": _limit_store(self._limits),
                "engines": [
                    {
                        "name": engine.name,
                        "label": engine.label,
                        "country": engine.country,
                        "operator": engine.operator,
                        "healthy": engine.healthy,
                        "circuit_open": engine.circuit_open,
                        "running": engine.running,
                        "waiting": engine.waiting,
                    }
                    for engine in self._router.states()
                ],
            }
        )

    def _snapshot(self, now_ms: int) -> dict[str, Any] | None:
        table = self._snapshots.table
        if table is None:
            return None
        return {
            "epoch": table.epoch,
            "number": table.number,
            "issued_at": seconds(table.issued_at_ms),
            "age_seconds": max(0, seconds(now_ms - table.issued_at_ms)),
        }


def _limit_store(limits: SharedQuotas | None) -> dict[str, Any] | None:
    if limits is None:
        return None
    away_s = limits.away_s
    return {"reachable": away_s is None, "away_seconds": 0 if away_s is None else round(away_s)}


def _outbox(outbox: OutboxState | None, now_ms: int) -> dict[str, Any] | None:
    if outbox is None:
        return None
    oldest_at_ms = outbox.oldest_at_ms
    return {
        "depth": outbox.depth,
        "refused": outbox.refused,
        "oldest_unsent_age_seconds": None if oldest_at_ms is None else max(0, seconds(now_ms - oldest_at_ms)),
    }
