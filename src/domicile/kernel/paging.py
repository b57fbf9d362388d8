"""Which part of a list is asked for."""

from dataclasses import dataclass
from enum import StrEnum


class Order(StrEnum):
    """The order of a list, by creation time."""

    ASCENDING = "asc"
    DESCENDING = "desc"


@dataclass(frozen=True, slots=True)
class Window:
    """The requested part of a list. `after`: the id of the object before it; None starts with the first.

    `before`: the id of the object after it, where a list can be read backwards.
    """

    limit: int
    after: str | None = None
    order: Order = Order.ASCENDING
    before: str | None = None
