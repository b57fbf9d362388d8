"""Admission to a model: a bounded number of places, of which no project can take all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from domicile.kernel.fair_turns import Tenant
from domicile_engines.runtime.engine_errors import queue_full

WAITING_MAX = 128
"""Maximum waiting requests per model; the next is refused. One project can take about half of the places.

Half is as many requests as a region sends at once.
"""


class Places:
    """Places that requests hold from beginning to end. A project may hold as many as it leaves free."""

    def __init__(self, count: int) -> None:
        """`count`: places in all, for running and waiting requests."""
        self._free = count
        self._taken: Counter[Tenant] = Counter()

    def take(self, project: Tenant, count: int = 1) -> None:
        """Take `count` places, or none: raises `DomicileError` 429 if the project's share is used up."""
        # Dynamic thresholds: a project's share shrinks with the free places, so some always remain for another project.
        if self._taken.get(project, 0) + count > self._free - count:
            raise queue_full()
        self._free -= count
        self._taken[project] += count

    def give_back(self, project: Tenant, count: int = 1) -> None:
        """Give back `count` places of the project."""
        self._free += count
        self._taken[project] -= count
        if not self._taken[project]:
            del self._taken[project]

    @contextmanager
    def one(self, project: Tenant) -> Iterator[None]:
        """Hold one place for the duration of the context. Raises `DomicileError` 429 like `take`."""
        self.take(project)
        try:
            yield
        finally:
            self.give_back(project)
