"""Turns between projects at something that few can use at once. In memory, for one process."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class NoRoomError(Exception):
    """As many wait as may, of all or of this project."""


class FairTurns:
    """So many places. When one is free, the projects that wait are asked in turn, each for its oldest request."""

    def __init__(self, *, places: int, places_of_one: int, waiting: int, waiting_of_one: int) -> None:
        """At most so many at once and waiting, of all projects and of one."""
        self._free = places
        self._places_of_one = places_of_one
        self._waiting_max = waiting
        self._waiting_of_one = waiting_of_one
        self._held: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        """By project, in the order of their turns. No queue is empty."""

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncGenerator[None, None]:
        """Wait for a place, and give it back after. Raises `NoRoomError` at once."""
        await self._enter(project)
        try:
            yield
        finally:
            self._leave(project)

    async def _enter(self, project: str) -> None:
        # Where a place is free, those that wait have theirs already: nobody is overtaken.
        if self._may_begin(project):
            self._begin(project)
            return
        queue = self._queues.get(project, deque())
        if len(queue) >= self._waiting_of_one or sum(map(len, self._queues.values())) >= self._waiting_max:
            raise NoRoomError
        called = asyncio.get_running_loop().create_future()
        queue.append(called)
        self._queues[project] = queue
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._forget(project, called)
            else:
                # Called in the same instant in which the client left.
                self._leave(project)
            raise

    def _leave(self, project: str) -> None:
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._free += 1
        while (next_one := next((each for each in self._queues if self._may_begin(each)), None)) is not None:
            self._begin(next_one)
            # To the end of the turns, if more of it wait.
            queue = self._queues.pop(next_one)
            called = queue.popleft()
            if queue:
                self._queues[next_one] = queue
            called.set_result(None)

    def _may_begin(self, project: str) -> bool:
        return self._free > 0 and self._held[project] < self._places_of_one

    def _begin(self, project: str) -> None:
        self._free -= 1
        self._held[project] += 1

    def _forget(self, project: str, called: asyncio.Future[None]) -> None:
        queue = self._queues[project]
        queue.remove(called)
        if not queue:
            del self._queues[project]
