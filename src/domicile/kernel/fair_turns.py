"""Turns between projects at something that few can use at once. In memory, for one process.

Regions share out their engines and inspectors so, and embedded engines their models.
"""

import asyncio
import sys
from bisect import insort
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

Project = str | None
"""An id, or None: an embedded engine takes all requests without a name for one project."""


class NoRoomError(Exception):
    """As many wait as may, of all or of this project."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    priority: int
    called: asyncio.Future[None]


class FairTurns:
    """So many places. A free one goes to the project that holds the fewest, then to the one that has waited for its turn the
    longest; of a project the oldest request goes first. Before all that, a lower priority number goes first."""

    def __init__(
        self, *, places: int, places_of_one: int, waiting: int = sys.maxsize, waiting_of_one: int = sys.maxsize
    ) -> None:
        """At most so many at once and waiting, of all projects and of one."""
        self._places = places
        self._places_of_one = places_of_one
        self._waiting_max = waiting
        self._waiting_of_one = waiting_of_one
        self._held: Counter[Project] = Counter()
        self._queues: dict[Project, list[_Waiting]] = {}
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

    def has_room(self, project: Project) -> bool:
        """Whether one more request of the project may come now."""
        return self._may_begin(project) or self._may_wait(project)

    def begin(self, project: Project) -> bool:
        """Take a place if one is free. False when the request has to `wait`. Give the place back with `leave`."""
        # Where a place is free, those that wait have theirs already: nobody is overtaken.
        if not self._may_begin(project):
            return False
        self._take(project)
        return True

    async def wait(self, project: Project, priority: int = 0) -> None:
        """Take a place when the project's turn comes. Give it back with `leave`.

        Raises `NoRoomError`: at once, or later, when another project with fewer waiting requests needs the place in the queue.
        """
        if not self._may_wait(project):
            raise NoRoomError
        if self._waiting >= self._waiting_max:
            self._send_away_newest_of(self._longest_queue())
        waiting = _Waiting(priority, asyncio.get_running_loop().create_future())
        insort(self._queues.setdefault(project, []), waiting, key=lambda each: each.priority)
        self._waiting += 1
        try:
            await waiting.called
        except asyncio.CancelledError:
            if waiting.called.cancelled():
                self._forget(project, waiting)
            elif waiting.called.exception() is None:
                # Called in the same instant in which the client left.
                self.leave(project)
            raise

    def leave(self, project: Project) -> None:
        """Give a place back: it goes to the next one that waits."""
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._running -= 1
        while callable_now := [each for each in self._queues if self._may_begin(each)]:
            next_one = min(callable_now, key=lambda each: self._rank(each, leaving=project))
            waiting = self._queues[next_one][0]
            self._forget(next_one, waiting)
            if waiting.called.done():
                # Its client has left, and its task has not run since.
                continue
            if next_one in self._queues:
                # More of it wait: to the end of the turns.
                self._queues[next_one] = self._queues.pop(next_one)
            self._take(next_one)
            waiting.called.set_result(None)

    @asynccontextmanager
    async def turn(self, project: Project) -> AsyncGenerator[None, None]:
        """Hold a place within the block. Raises `NoRoomError`."""
        if not self.begin(project):
            await self.wait(project)
        try:
            yield
        finally:
            self.leave(project)

    def _rank(self, project: Project, *, leaving: Project) -> tuple[int, int]:
        # The project that leaves has just had its turn.
        return self._queues[project][0].priority, self._held[project] + (project == leaving)

    def _may_begin(self, project: Project) -> bool:
        return self._running < self._places and self._held[project] < self._places_of_one

    def _may_wait(self, project: Project) -> bool:
        mine = len(self._queues.get(project, ()))
        if mine >= self._waiting_of_one:
            return False
        # With one more of its own it must still have no more than the project that gives up a place has left.
        return self._waiting < self._waiting_max or (
            bool(self._queues) and len(self._queues[self._longest_queue()]) > mine + 1
        )

    def _take(self, project: Project) -> None:
        self._running += 1
        self._held[project] += 1

    def _longest_queue(self) -> Project:
        return max(self._queues, key=lambda each: len(self._queues[each]))

    def _send_away_newest_of(self, project: Project) -> None:
        newest = self._queues[project][-1]
        self._forget(project, newest)
        if not newest.called.done():
            newest.called.set_exception(NoRoomError())

    def _forget(self, project: Project, waiting: _Waiting) -> None:
        queue = self._queues.get(project, [])
        if waiting in queue:
            queue.remove(waiting)
            self._waiting -= 1
            if not queue:
                del self._queues[project]
