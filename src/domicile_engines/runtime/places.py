"""A bounded number of places for a model's requests, of which no project can take all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from domicile.kernel.fair_turns import Project
from domicile_engines.runtime.engine_errors import queue_full

WAITING_MAX = 128
"""Requests that wait for one model, beyond which the next is refused before it has begun. One project may have about half of
the places: as many requests as a region sends at once."""


class Places:
    """Held by a request from its beginning to its end. A project may have as many as it leaves free for others."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._taken: Counter[Project] = Counter()

    def take(self, project: Project, count: int = 1) -> None:
        """Take places for a whole request. Raises `DomicileError` 429, and then takes none."""
        # A project's share shrinks with what is free (dynamic thresholds), so the first never takes what the second needs.
        if self._taken.get(project, 0) + count > self._free - count:
            raise queue_full()
        self._free -= count
        self._taken[project] += count

    def give_back(self, project: Project, count: int = 1) -> None:
        """Give places back."""
        self._free += count
        self._taken[project] -= count
        if not self._taken[project]:
            del self._taken[project]

    @contextmanager
    def one(self, project: Project) -> Iterator[None]:
        """A place for as long as this lasts."""
        self.take(project)
        try:
            yield
        finally:
            self.give_back(project)
