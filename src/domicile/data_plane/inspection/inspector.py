"""The region's inspector: at most two processes with fair turns, started on demand and replaced when they die."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from domicile.data_plane.inspection.process import InspectorDiedError, InspectorProcess
from domicile.kernel.fair_turns import FairTurns
from domicile.media.inspection import Inspection

log = structlog.get_logger("inspector")

PROCESSES_MAX = 2
_OF_ONE_PROJECT = 1
"""Processes that one project may use at a time. A slow recording leaves a process for the other projects."""
_WAITING_MAX, _WAITING_OF_ONE_PROJECT = 256, 64
WAITING_SECONDS_MAX = 60.0


class Inspector:
    """Inspects recordings in separate processes."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`command` starts one process. `environment`: the process gets these variables and no others."""
        self._command = command
        self._environment = environment
        self._turns = FairTurns(
            places=PROCESSES_MAX,
            places_of_one=_OF_ONE_PROJECT,
            waiting=_WAITING_MAX,
            waiting_of_one=_WAITING_OF_ONE_PROJECT,
        )
        self._idle: list[InspectorProcess] = []

    @property
    def idle(self) -> Sequence[InspectorProcess]:
        """The processes without a recording."""
        return self._idle

    async def inspect(self, project: str, content: bytes) -> Inspection:
        """Measure a recording. A cancelled call ends its process.

        Raises `NoRoomError` when too many wait, TimeoutError after `WAITING_SECONDS_MAX` in the queue,
        `InspectorNotStartedError`, and `InspectorDiedError` when the process dies or runs out of time. The next call starts a
        new process.
        """
        waiting = asyncio.timeout(WAITING_SECONDS_MAX)
        async with waiting, self._turns.turn(project):
            waiting.reschedule(None)
            process = await self._take()
            try:
                inspection = await process.inspect(content)
            except InspectorDiedError as error:
                log.warning("inspector_died", how=await process.end(), seen=str(error))
                raise
            except BaseException:
                await process.end()
                raise
            self._idle.append(process)
            return inspection

    async def close(self) -> None:
        """End the idle processes. A busy process ends when its call is cancelled."""
        while self._idle:
            await self._idle.pop().end()

    async def _take(self) -> InspectorProcess:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            log.warning("inspector_died", how=await process.end(), seen="idle")
        return await InspectorProcess.start(self._command, self._environment)
