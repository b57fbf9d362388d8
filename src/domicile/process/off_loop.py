"""Runs large work in threads, off the event loop, so that other requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

from domicile.kernel.fair_turns import FairTurns

LARGE_BYTES = 256 * 1024
"""Work on more than this leaves the event loop: 256 KiB of JSON take a few milliseconds, 20 MiB a tenth of a second or more."""
# Few: each of them competes with the event loop for the interpreter's lock.
_THREADS = 2

T = TypeVar("T")

_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="large-work")
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, FairTurns] = WeakKeyDictionary()


async def off_loop(work: Callable[[], T], size_bytes: int, project_id: str) -> T:
    """Run `work` and return its result: on the event loop for up to `LARGE_BYTES`, else in a thread. Projects take turns.

    `work` must be pure: no lock and no I/O. In a thread it runs to its end even when the request is cancelled.
    """
    if size_bytes <= LARGE_BYTES:
        return work()
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop) or _turns.setdefault(loop, _new_turns())
    if not turns.begin(project_id):
        await turns.wait(project_id)
    working = loop.run_in_executor(_pool, work)
    # The thread is taken until the work ends, which may be after its request.
    working.add_done_callback(lambda _: turns.leave(project_id))
    return await asyncio.shield(working)


def _new_turns() -> FairTurns:
    # The queue needs no bound of its own: the memory for bodies and the queues of engines bound it.
    return FairTurns(places=_THREADS, places_of_one=_THREADS)
