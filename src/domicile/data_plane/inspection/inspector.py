"""The region's inspector: a few processes behind fair turns, started when they are needed and replaced when they die."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from domicile.data_plane.inspection.process import InspectorDiedError, InspectorProcess
from domicile.kernel.fair_turns import FairTurns
from domicile.media.inspection import Inspection

log = structlog.get_logger("inspector")

PROCESSES_MAX = 2
_OF_ONE_PROJECT = 1
"""Processes that a project may keep busy: a recording that takes all its time leaves room for the others'."""
_WAITING_MAX, _WAITING_OF_ONE_PROJECT = 256, 64
WAITING_SECONDS_MAX = 60.0


class Inspector:
    """Ask it about recordings. Nothing of them is read in this process."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """`command` starts one process; `environment` is all of its variables."""
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
        """The processes that wait for a recording."""
        return self._idle

    async def inspect(self, project: str, content: bytes) -> Inspection:
        """What the recording is. A client that leaves ends the process that reads for it.

        Raises `NoRoomError` and TimeoutError when too many wait, `InspectorNotStartedError`, and `InspectorDiedError` when the
        process ends over this recording: the next request has a new process.
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
        """End all that wait. Those that read are ended by their requests."""
        while self._idle:
            await self._idle.pop().end()

    async def _take(self) -> InspectorProcess:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            log.warning("inspector_died", how=await process.end(), seen="idle")
        return await InspectorProcess.start(self._command, self._environment)
