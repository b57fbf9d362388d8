"""Health probes of engines: the router skips a dead engine, and uses it again after a restart."""

import asyncio
from collections.abc import Sequence

import structlog

from domicile.data_plane.engines.upstream import ProbeResult, Upstream
from domicile.data_plane.routing import Router

log = structlog.get_logger("engines")

# A probe without an answer in time may only mean a busy machine, so this many in a row must fail before the engine counts as
# dead. The same holds for a refused probe while the engine answers requests.
FAILED_PROBES = 3


class Watch:
    """Judges one engine's health from its probes and from the requests that it answers."""

    def __init__(self) -> None:
        self._failed = 0
        self._answers = 0

    def healthy(self, result: ProbeResult, answers: int) -> bool | None:
        """Judge one more probe: True for healthy, False for dead, None for no change. `answers`: `EngineCondition.answers`."""
        answered, self._answers = answers != self._answers, answers
        if result is ProbeResult.ALIVE or (result is ProbeResult.SILENT and answered):
            self._failed = 0
            return True if result is ProbeResult.ALIVE else None
        self._failed += 1
        needed = 1 if result is ProbeResult.DEAD and not answered else FAILED_PROBES
        return False if self._failed >= needed else None


class EngineProbe:
    """Probes each engine with a health URL, in one loop each."""

    def __init__(self, upstreams: Sequence[Upstream], router: Router) -> None:
        self._upstreams = upstreams
        self._router = router

    async def run(self) -> None:
        """Probe until cancelled."""
        probed = [upstream for upstream in self._upstreams if upstream.probe_every_s is not None]
        for upstream in self._upstreams:
            if upstream.probe_every_s is None:
                # Taken for alive. When requests fail, its circuit breaker keeps others away for a while.
                self._router.trust(upstream.name)
        if not probed:
            # Nothing to probe. Returning would end the process.
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
