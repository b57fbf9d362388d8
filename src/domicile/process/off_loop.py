"""Runs large work beside the event loop, so that other requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

from domicile.kernel.fair_turns import FairTurns

LARGE_BYTES = 256 * 1024
"""Work on more than this leaves the event loop: 256 KiB of JSON take a few milliseconds, 20 MiB a tenth of a second or more."""
# Few: they share the interpreter's lock with the event loop, which would wait for each of many.
_THREADS = 2

T = TypeVar("T")

_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="large-work")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, FairTurns] = WeakKeyDictionary()


async def off_loop(work: Callable[[], T], size_bytes: int, project_id: str) -> T:
    """The work's result: at once on the event loop for up to `LARGE_BYTES`, else from a thread. Projects take turns.

    `work` is pure: it takes no lock and does no I/O. It goes on to its end when the request is cancelled.
    """
    if size_bytes <= LARGE_BYTES:
        return work()
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop) or _turns.setdefault(loop, _new_turns())
    if not turns.begin(project_id):
        await turns.wait(project_id)
    working = loop.run_in_executor(_pool, work)
    # The thread is taken until the work ends, not until its request does.
    working.add_done_callback(lambda _: turns.leave(project_id))
    return await asyncio.shield(working)


def _new_turns() -> FairTurns:
    # Any number may wait: the memory for bodies and the queues of engines bound them.
    return FairTurns(places=_THREADS, places_of_one=_THREADS)
