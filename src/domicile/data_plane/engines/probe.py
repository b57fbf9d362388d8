"""Asks each engine whether it is there, so that a dead one is passed over and a restarted one is used again."""

import asyncio
from collections.abc import Sequence

import structlog

from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.routing import Router

log = structlog.get_logger("engines")

PROBE_EVERY_S = 0.5


class EngineProbe:
    """One loop for each engine, for as long as the process lives."""

    def __init__(self, upstreams: Sequence[Upstream], router: Router) -> None:
        self._upstreams = upstreams
        self._router = router

    async def run(self) -> None:
        """Probes until cancelled."""
        if not self._upstreams:
            # A region may be started before it has an engine: there is nothing to do, and no reason to stop.
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for upstream in self._upstreams:
                group.create_task(self._watch(upstream))

    async def _watch(self, upstream: Upstream) -> None:
        while True:
            healthy = await upstream.is_healthy()
            if self._router.report(upstream.name, healthy=healthy):
                log.warning("engine_up" if healthy else "engine_down", engine=upstream.name)
            await asyncio.sleep(PROBE_EVERY_S)
