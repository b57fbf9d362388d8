"""Asks each engine whether it is there, so that a dead one is passed over and a restarted one is used again."""

import asyncio
from collections.abc import Sequence

import structlog

from domicile.data_plane.engines.upstream import Pulse, Upstream
from domicile.data_plane.routing import Router

log = structlog.get_logger("engines")

# A probe that is not answered in time may mean that the machine is busy: only so many in a row mean that it is dead.
SILENT_PROBES = 3


class EngineProbe:
    """One loop for each engine that can be asked, for as long as the process lives."""

    def __init__(self, upstreams: Sequence[Upstream], router: Router) -> None:
        self._upstreams = upstreams
        self._router = router

    async def run(self) -> None:
        """Probes until cancelled."""
        probed = [upstream for upstream in self._upstreams if upstream.probe_every_s is not None]
        for upstream in self._upstreams:
            if upstream.probe_every_s is None:
                # Taken for alive until a request shows that it is not: then its circuit breaker keeps others away for a while.
                self._router.trust(upstream.name)
        if not probed:
            # A region may be started before it has an engine: there is nothing to do, and no reason to stop.
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for upstream in probed:
                group.create_task(self._watch(upstream, upstream.probe_every_s or 0))

    async def _watch(self, upstream: Upstream, every_s: float) -> None:
        silent = 0
        while True:
            pulse = await upstream.probe()
            silent = silent + 1 if pulse is Pulse.SILENT else 0
            if pulse is not Pulse.SILENT or silent >= SILENT_PROBES:
                healthy = pulse is Pulse.ALIVE
                if self._router.report(upstream.name, healthy=healthy):
                    log.warning("engine_up" if healthy else "engine_down", engine=upstream.name)
            await asyncio.sleep(every_s)
