"""Locks a data folder: one `domicile up` at a time, and only after the processes of the previous run have ended."""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

_PREVIOUS_RUN_SECONDS_MAX = 20.0
_RETRY_SECONDS = 0.05


class DataFolderInUseError(Exception):
    """Another run, or processes of an earlier run, use the data folder."""


@asynccontextmanager
async def exclusive(root: Path, say: Callable[[str], None]) -> AsyncIterator[int]:
    """Lock the folder for the duration of the context. Raises `DataFolderInUseError`.

    Yields the descriptor of a second lock, which every child must inherit. The kernel frees that lock only after the last of
    these processes has ended. So after a supervisor was killed, the next one waits for its children.
    """
    supervisor = os.open(root / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    processes = os.open(root / "processes.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _try_lock(supervisor):
            raise DataFolderInUseError(
                f"another 'domicile up' is running on {root}. Stop it, or choose another folder with --data."
            )
        await _wait_for_previous_run(processes, root, say)
        yield processes
    finally:
        os.close(processes)
        os.close(supervisor)


async def _wait_for_previous_run(processes: int, root: Path, say: Callable[[str], None]) -> None:
    deadline = time.monotonic() + _PREVIOUS_RUN_SECONDS_MAX
    is_announced = False
    while not _try_lock(processes):
        if time.monotonic() > deadline:
            raise DataFolderInUseError(
                f"processes of an earlier 'domicile up' on {root} do not end. "
                f"'fuser {root / 'processes.lock'}' lists them; end them and start again."
            )
        if not is_announced:
            say("waiting for the processes of the previous run to end")
            is_announced = True
        await asyncio.sleep(_RETRY_SECONDS)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
