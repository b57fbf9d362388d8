"""Asks each engine whether it is there, so that a dead one is passed over and a restarted one is used again."""

import asyncio
from collections.abc import Sequence

import structlog

from domicile.data_plane.engines.upstream import Pulse, Upstream
from domicile.data_plane.routing import Router

log = structlog.get_logger("engines")

# A probe that is not answered in time may mean that the machine is busy: only so many in a row mean that the engine is dead.
# The same holds for one that is refused while requests are answered.
FAILED_PROBES = 3


class Watch:
    """What the probes of one engine and the requests that it answers say together."""

    def __init__(self) -> None:
        self._failed = 0
        self._answers = 0

    def healthy(self, pulse: Pulse, answers: int) -> bool | None:
        """Whether the engine is there; None when that is not decided. `answers`: how often it has answered a request."""
        answered, self._answers = answers != self._answers, answers
        if pulse is Pulse.ALIVE or (pulse is Pulse.SILENT and answered):
            self._failed = 0
            return True if pulse is Pulse.ALIVE else None
        self._failed += 1
        needed = 1 if pulse is Pulse.DEAD and not answered else FAILED_PROBES
        return False if self._failed >= needed else None


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
        watch, condition = Watch(), self._router.condition(upstream.name)
        while True:
            healthy = watch.healthy(await upstream.probe(), condition.answers)
            if healthy is not None and self._router.report(upstream.name, healthy=healthy):
                log.warning("engine_up" if healthy else "engine_down", engine=upstream.name)
            await asyncio.sleep(every_s)
