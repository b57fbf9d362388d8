"""All the children of one run: started one by one, stopped in waves."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from domicile.apps.local.child import Child, ProcessPlan, StartError
from domicile.apps.local.readiness import NotReadyError, wait_until_ready

READY_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 9.0
"""All waves together; what is left then is killed, so that a stop takes less than ten seconds."""
LAST_WAVE_SECONDS = 2.0


class Supervisor:
    """Starts processes, restarts those that die, stops them all."""

    def __init__(self, say: Callable[[str], None], inherited: tuple[int, ...] = ()) -> None:
        self._say = say
        self._inherited = inherited
        self._running: dict[Child, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_settled = False

    def start(self, plan: ProcessPlan) -> Child:
        """Starts a process and keeps it running."""
        child = Child(plan, self._say, self._inherited)
        if self._is_settled:
            child.settle()
        task = asyncio.create_task(child.keep_running(), name=plan.name)
        task.add_done_callback(self._ended)
        self._running[child] = task
        return child

    async def ready(self, *children: Child, timeout_s: float = READY_SECONDS_MAX) -> None:
        """Returns when all of them are. Raises `StartError` for the first that is not in time."""

        async def one(child: Child) -> None:
            try:
                await wait_until_ready(child.plan.ready, timeout_s)
            except NotReadyError as error:
                raise child.not_ready(timeout_s, str(error)) from None

        waiting = [asyncio.create_task(one(child)) for child in children]
        try:
            await asyncio.gather(*waiting)
        finally:
            for task in waiting:
                task.cancel()

    def settle(self) -> None:
        """The installation has been ready once: no death stops it any more."""
        self._is_settled = True
        for child in self._running:
            child.settle()

    async def failure(self) -> None:
        """Raises `StartError` as soon as a child has been given up. Never returns."""
        await asyncio.shield(self._failed)

    async def stop(self, waves: Sequence[Callable[[Child], bool]]) -> None:
        """Ends all children. Each wave says which of those left it ends; the last one takes what remains."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for wave in waves:
            await self._stop_some(
                [child for child in self._running if wave(child)], deadline - time.monotonic() - LAST_WAVE_SECONDS
            )
        await self._stop_some(list(self._running), max(LAST_WAVE_SECONDS, deadline - time.monotonic()))
        if self._failed.done():
            # Read, or asyncio complains that nobody did: who stops us knows why.
            self._failed.exception()

    async def _stop_some(self, children: list[Child], timeout_s: float) -> None:
        if not children:
            return
        tasks = [self._running.pop(child) for child in children]
        for child in children:
            child.stop()
        _, late = await asyncio.wait(tasks, timeout=max(0.0, timeout_s))
        for child in children:
            child.kill()
        if late:
            await asyncio.wait(late)
        for task in tasks:
            with suppress(StartError):
                task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)
