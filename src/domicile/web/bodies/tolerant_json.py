"""Decodes a body into a closed type, and drops the members that the endpoint accepts and ignores.

It first tries the closed type alone, so that requests without such members cost nothing more.
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
    """A decoded request and the members that were dropped."""

    value: T
    dropped: frozenset[str] = frozenset()
    """Paths without indexes. The values are not kept."""


def decode_dropping(
    body: bytes, type_: type[T], droppable: DroppedMembers, *, max_values: int | None = None
) -> Decoded[T]:
    """Decode a body as a `type_`. Raises `DomicileError` 400. The limits of `parse_json` also count dropped members."""
    value = parse_json(body, max_values=max_values)
    try:
        return Decoded(converted(value, type_))
    except DomicileError:
        had_members, dropped = droppable.take_out(value)
        had_nulls = take_out_nulls(value, type_)
        if not (had_members or had_nulls):
            raise
    return Decoded(converted(value, type_), dropped)
