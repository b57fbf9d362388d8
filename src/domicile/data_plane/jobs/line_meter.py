"""Collects the usage of one line. It is counted when the line's result is committed: a line that runs twice counts once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.service_levels import ServedAnswer

_collected: ContextVar[list[LedgerEntry]] = ContextVar("collected")


class LineMeter:
    """The `UsageRecorder` of the lifecycle that runs lines. Each line has a task, and so a list, of its own."""

    def __init__(self, ended: Callable[[LedgerEntry], None]) -> None:
        """`ended`: called with each entry at once, for what cannot wait until the commit, as a spending limit."""
        self._ended = ended

    def record(self, entry: LedgerEntry) -> None:
        _collected.get().append(entry)
        self._ended(entry)

    def served(self, answer: ServedAnswer) -> None:
        """No line runs in the scale tier."""

    async def settled(self) -> None:
        """Nothing to wait for: the commit of the chunk comes later."""


@contextmanager
def collecting() -> Iterator[list[LedgerEntry]]:
    """The entries that are recorded within the block, in this task."""
    entries: list[LedgerEntry] = []
    token = _collected.set(entries)
    try:
        yield entries
    finally:
        _collected.reset(token)
