"""Supervises the processes of one run: starts them one by one, and stops them in waves."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from domicile.apps.local.child import Child, ProcessPlan, StartError
from domicile.apps.local.readiness import NotReadyError, wait_until_ready

READY_SECONDS_MAX = 180.0
STOP_SECONDS_MAX = 9.0
"""For all waves together. Processes that still run are then killed, so a stop takes less than ten seconds."""
LAST_WAVE_SECONDS = 2.0


class Supervisor:
    """Starts processes, restarts those that end, and stops them all."""

    def __init__(self, say: Callable[[str], None], inherited: tuple[int, ...] = ()) -> None:
        """`say`: shows a message to the user. `inherited`: file descriptors that every process keeps open."""
        self._say = say
        self._inherited = inherited
        self._running: dict[Child, asyncio.Task[None]] = {}
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._is_settled = False

    def start(self, plan: ProcessPlan) -> Child:
        """Start a process and keep it running."""
        child = Child(plan, self._say, self._inherited)
        if self._is_settled:
            child.settle()
        task = asyncio.create_task(child.keep_running(), name=plan.name)
        task.add_done_callback(self._ended)
        self._running[child] = task
        return child

    async def ready(self, *children: Child, timeout_s: float = READY_SECONDS_MAX) -> None:
        """Wait until all children are ready. Raises `StartError` for the first that is not ready in time."""

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
        """Restart processes without limit from now on: the installation has been ready once."""
        self._is_settled = True
        for child in self._running:
            child.settle()

    async def failure(self) -> None:
        """Wait for a child that ends too often before `settle`, and raise its `StartError`. Never returns."""
        await asyncio.shield(self._failed)

    async def stop(self, waves: Sequence[Callable[[Child], bool]]) -> None:
        """Stop all children. Each wave selects the running children to stop next; the rest are stopped last."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        for wave in waves:
            await self._stop_some(
                [child for child in self._running if wave(child)], deadline - time.monotonic() - LAST_WAVE_SECONDS
            )
        await self._stop_some(list(self._running), max(LAST_WAVE_SECONDS, deadline - time.monotonic()))
        if self._failed.done():
            # Retrieve the exception, because asyncio logs one that is never retrieved.
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
