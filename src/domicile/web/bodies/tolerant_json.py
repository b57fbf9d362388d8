"""A body as a closed type, without the members that the endpoint reads and drops.

The closed type goes first, so that a request without such members costs nothing more.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from domicile.kernel.errors import DomicileError
from domicile.web.bodies.dropped_members import DroppedMembers
from domicile.web.bodies.json_body import converted, parse_json
from domicile.web.bodies.null_members import take_out_nulls

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """A request, and what was dropped on the way."""

    value: T
    dropped: frozenset[str] = frozenset()
    """Paths without indexes. Nothing else of what was dropped is kept."""


def decode_dropping(
    body: bytes, type_: type[T], droppable: DroppedMembers, *, max_values: int | None = None
) -> Decoded[T]:
    """The body as a `type_`. Raises `DomicileError` 400. What is dropped counts for every limit of `parse_json`."""
    value = parse_json(body, max_values=max_values)
    try:
        return Decoded(converted(value, type_))
    except DomicileError:
        had_members, dropped = droppable.take_out(value)
        had_nulls = take_out_nulls(value, type_)
        if not (had_members or had_nulls):
            raise
    return Decoded(converted(value, type_), dropped)
