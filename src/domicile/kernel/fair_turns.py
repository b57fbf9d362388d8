"""A fair queue between projects for a resource with few places. In memory, for one process.

Regions use it for their engines and inspectors, embedded engines for their models.
"""

import asyncio
import sys
from bisect import insort
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

Tenant = str | None
"""A project's id. None: an embedded engine treats all requests without a project as one."""


_NOBODY = ""
"""No project has this id."""


class NoRoomError(Exception):
    """The queue is full: for all projects together, or for this one."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    project: Tenant
    priority: int
    called: asyncio.Future[None]


class FairTurns:
    """A fixed number of places, and a queue for each project.

    A free place goes to the request with the lowest priority number. Among equals it goes to the project that holds the fewest
    places, then to the project that has waited longest for its turn. Within a project the oldest request goes first.

    Requests with a negative priority may have places reserved. In a full queue a lower number takes the room of a higher one.
    """

    def __init__(
        self,
        *,
        places: int | Callable[[], int],
        places_of_one: int,
        waiting: int = sys.maxsize,
        waiting_of_one: int = sys.maxsize,
        reserved: Callable[[int], int] = lambda _places: 0,
    ) -> None:
        """`places`: requests that run at once. `waiting`: requests in the queues. `..._of_one`: the same for one project.

        `reserved`: how many of the places that there are now are for requests with a negative priority alone, fewer than all.
        A function of `places` returns the number that holds now. More room counts from the next `begin`, `leave` or
        `places_added`.
        """
        self._places = places if callable(places) else lambda: places
        self._reserved = reserved
        self._places_of_one = places_of_one
        self._waiting_max = waiting
        self._waiting_of_one = waiting_of_one
        self._held: Counter[Tenant] = Counter()
        self._queues: dict[Tenant, list[_Waiting]] = {}
        """By project, in the order of the projects' turns. No queue is empty."""
        self._running = 0
        self._running_unreserved = 0
        """Those with a priority of 0 or more."""
        self._waiting = 0

    @property
    def places(self) -> int:
        """Places that there are now."""
        return self._places()

    @property
    def running(self) -> int:
        """Places that are taken."""
        return self._running

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return self._waiting

    def has_room(self, project: Tenant, priority: int = 0) -> bool:
        """Whether one more request of the project can run or wait now."""
        return (
            self._may_begin(project, priority)
            or not self._is_full_for(project)
            or self._giving_way_to(project, priority) is not None
        )

    def begin(self, project: Tenant, priority: int = 0) -> bool:
        """Take a place if one is free. False when the request has to `wait`. Give the place back with `leave`."""
        # `leave` has given every free place that a waiting request may take. So this request overtakes none.
        if not self._may_begin(project, priority):
            return False
        self._take(project, priority)
        return True

    async def wait(self, project: Tenant, priority: int = 0) -> None:
        """Wait for the project's turn and take a place. Give it back with `leave`.

        Raises `NoRoomError` at once when the queue is full, or later when the room is needed by a request with a lower number,
        or by a project with fewer waiting requests.
        """
        if self._is_full_for(project):
            newest = self._giving_way_to(project, priority)
            if newest is None:
                raise NoRoomError
            self._send_away(newest)
        waiting = _Waiting(project, priority, asyncio.get_running_loop().create_future())
        insort(self._queues.setdefault(project, []), waiting, key=lambda each: each.priority)
        self._waiting += 1
        try:
            await waiting.called
        except asyncio.CancelledError:
            if waiting.called.cancelled():
                self._forget(project, waiting)
            elif waiting.called.exception() is None:
                # The turn came in the same instant in which the client left.
                self.leave(project, priority)
            raise

    def leave(self, project: Tenant, priority: int = 0) -> None:
        """Give a place back, which was taken with the same priority. The next waiting request gets it."""
        self._held[project] -= 1
        if not self._held[project]:
            del self._held[project]
        self._running -= 1
        self._running_unreserved -= priority >= 0
        self._call_waiting(leaving=project)

    def places_added(self) -> None:
        """Give new places to waiting requests: the function of `places` returns more than before."""
        self._call_waiting(leaving=_NOBODY)

    def _call_waiting(self, leaving: Tenant) -> None:
        while callable_now := [
            each for each, queue in self._queues.items() if self._may_begin(each, queue[0].priority)
        ]:
            next_one = min(callable_now, key=lambda each: self._rank(each, leaving=leaving))
            waiting = self._queues[next_one][0]
            self._forget(next_one, waiting)
            if waiting.called.done():
                # Its client has left, and its task has not run yet.
                continue
            if next_one in self._queues:
                # The project has more waiting requests: it moves to the end of the order.
                self._queues[next_one] = self._queues.pop(next_one)
            self._take(next_one, waiting.priority)
            waiting.called.set_result(None)

    @asynccontextmanager
    async def turn(self, project: Tenant) -> AsyncGenerator[None, None]:
        """Hold a place within the block. Raises `NoRoomError`."""
        if not self.begin(project):
            await self.wait(project)
        try:
            yield
        finally:
            self.leave(project)

    def _rank(self, project: Tenant, *, leaving: Tenant) -> tuple[int, int]:
        # The project that gives the place back has just had its turn, so it counts as holding it.
        return self._queues[project][0].priority, self._held[project] + (project == leaving)

    def _may_begin(self, project: Tenant, priority: int) -> bool:
        places = self._places()
        if self._running >= places or self._held[project] >= self._places_of_one:
            return False
        return priority < 0 or self._running_unreserved < places - self._reserved(places)

    def _is_full_for(self, project: Tenant) -> bool:
        return self._waiting >= self._waiting_max or len(self._queues.get(project, ())) >= self._waiting_of_one

    def _giving_way_to(self, project: Tenant, priority: int) -> _Waiting | None:
        """The waiting request whose room a new one may take, where the queue is full for it.

        The newest with the highest number above the new one's. Without one, the newest of the longest queue, if that is then
        still as long as this project's. A project whose own queue is full gives way to itself.
        """
        mine = self._queues.get(project, [])
        if len(mine) >= self._waiting_of_one:
            return mine[-1] if mine and mine[-1].priority > priority else None
        queues = [queue for queue in self._queues.values() if queue[-1].priority >= priority]
        if not queues:
            return None
        last = max(queues, key=lambda queue: (queue[-1].priority, len(queue)))
        return last[-1] if last[-1].priority > priority or len(last) > len(mine) + 1 else None

    def _take(self, project: Tenant, priority: int) -> None:
        self._running += 1
        self._running_unreserved += priority >= 0
        self._held[project] += 1

    def _send_away(self, newest: _Waiting) -> None:
        self._forget(newest.project, newest)
        if not newest.called.done():
            newest.called.set_exception(NoRoomError())

    def _forget(self, project: Tenant, waiting: _Waiting) -> None:
        queue = self._queues.get(project, [])
        if waiting in queue:
            queue.remove(waiting)
            self._waiting -= 1
            if not queue:
                del self._queues[project]
