"""Turns between projects at something that few can use at once. In memory, for one process."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class NoRoomError(Exception):
    """As many wait as may, of all or of this project."""


class FairTurns:
    """So many places. A free one goes to the project that holds the fewest, then to the one that has waited for its turn the
    longest; of a project the oldest request goes first."""

    def __init__(self, *, places: int, places_of_one: int, waiting: int, waiting_of_one: int) -> None:
        """At most so many at once and waiting, of all projects and of one."""
        self._places = places
        self._places_of_one = places_of_one
        self._waiting_max = waiting
        self._waiting_of_one = waiting_of_one
        self._held: Counter[str] = Counter()
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        """By project, in the order of their turns. No queue is empty."""
        self._running = 0
        self._waiting = 0

    @property
    def running(self) -> int:
        """Places that are taken."""
        return self._running

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._waiting

    def has_room(self, project: str) -> bool:
        """Whether one more request of the project may come now."""
        return self._may_begin(project) or self._may_wait(project)

    def begin(self, project: str) -> bool:
        """Take a place if one is free. False when the request has to `wait`. Give the place back with `leave`."""
        # Where a place is free, those that wait have theirs already: nobody is overtaken.
        if not self._may_begin(project):
            return False
        self._take(project)
        return True

    async def wait(self, project: str) -> None:
        """Take a place when the project's turn comes. Give it back with `leave`.

        Raises `NoRoomError`: at once, or later, when another project with fewer waiting requests needs the place in the queue.
        """
        if not self._may_wait(project):
            raise NoRoomError
        if self._waiting >= self._waiting_max:
            self._send_away_newest_of(self._longest_queue())
        called = asyncio.get_running_loop().create_future()
        self._queues.setdefault(project, deque()).append(called)
        self._waiting += 1
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._forget(project, called)
            elif called.exception() is None:
                # Called in the same instant in which the client left.
                self.leave(project)
            raise

    def leave(self, project: str) -> None:
        """Give a place back: it goes to the next one that waits."""
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._running -= 1
        while callable_now := [each for each in self._queues if self._may_begin(each)]:
            # The project that leaves has just had its turn.
            next_one = min(callable_now, key=lambda each: self._held[each] + (each == project))
            called = self._queues[next_one][0]
            self._forget(next_one, called)
            if called.done():
                # Its client has left, and its task has not run since.
                continue
            if next_one in self._queues:
                # More of it wait: to the end of the turns.
                self._queues[next_one] = self._queues.pop(next_one)
            self._take(next_one)
            called.set_result(None)

    @asynccontextmanager
    async def turn(self, project: str) -> AsyncGenerator[None, None]:
        """Hold a place within the block. Raises `NoRoomError`."""
        if not self.begin(project):
            await self.wait(project)
        try:
            yield
        finally:
            self.leave(project)

    def _may_begin(self, project: str) -> bool:
        return self._running < self._places and self._held[project] < self._places_of_one

    def _may_wait(self, project: str) -> bool:
        mine = len(self._queues.get(project, ()))
        if mine >= self._waiting_of_one:
            return False
        # With one more of its own it must still have no more than the project that gives up a place has left.
        return self._waiting < self._waiting_max or (
            bool(self._queues) and len(self._queues[self._longest_queue()]) > mine + 1
        )

    def _take(self, project: str) -> None:
        self._running += 1
        self._held[project] += 1

    def _longest_queue(self) -> str:
        return max(self._queues, key=lambda each: len(self._queues[each]))

    def _send_away_newest_of(self, project: str) -> None:
        newest = self._queues[project][-1]
        self._forget(project, newest)
        if not newest.done():
            newest.set_exception(NoRoomError())

    def _forget(self, project: str, called: asyncio.Future[None]) -> None:
        queue = self._queues.get(project, deque())
        if called in queue:
            queue.remove(called)
            self._waiting -= 1
            if not queue:
                del self._queues[project]
