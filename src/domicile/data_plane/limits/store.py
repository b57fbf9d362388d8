"""The port of the store in which the processes of a region count together, and what it is asked."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from domicile.data_plane.limits.quotas import Limit


class StoreAwayError(Exception):
    """The store did not answer in time, refused the connection, or answered with an error. It may have acted all the same."""


class Ask(NamedTuple):
    """What a process asks of one limit."""

    limit: Limit
    returned: int
    """What it gives back. Negative: what was used beyond what was taken."""
    needed: int
    """All limits together: this is taken, or nothing."""
    wanted: int
    """What is taken beside it, where enough is left for others."""
    believed: float
    """What this process believes to be left: from here a store begins that knows nothing of the limit."""


class Given(NamedTuple):
    """What became of an `Ask`."""

    extra: int
    """How much of `wanted` was taken."""
    left: float


class Taken(NamedTuple):
    """The answer to a sequence of `Ask`."""

    given: tuple[Given, ...]
    refused: int | None = None
    """The place of the first limit that had less left than `needed`. Then nothing was taken."""


class LimitStore(Protocol):
    """One store for all processes of a region. Each method is one atomic step at the store, by the store's own clock."""

    async def take(self, key: bytes, asked: Sequence[Ask]) -> Taken:
        """Give back, then take. `key`: names the owner of the limits. Raises `StoreAwayError`."""
        ...

    async def ping(self) -> None:
        """Return when the store answers. Raises `StoreAwayError`."""
        ...
