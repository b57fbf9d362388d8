"""Runs large work beside the event loop, so that other requests are answered meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

LARGE_BYTES = 256 * 1024
"""Work on more than this leaves the event loop: 256 KiB of JSON take a few milliseconds, 20 MiB a tenth of a second or more."""
# Few: they share the interpreter's lock with the event loop, which would wait for each of many.
_THREADS = 2
_pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="large-work")

T = TypeVar("T")


async def off_loop(work: Callable[[], T], size_bytes: int) -> T:
    """The work's result: at once on the event loop for up to `LARGE_BYTES`, else from a thread.

    `work` is pure: it takes no lock and does no I/O. It goes on to its end when the request is cancelled.
    """
    if size_bytes <= LARGE_BYTES:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_pool, work)
