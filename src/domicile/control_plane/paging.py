"""Lists in pages, in order of creation. The cursor `after` is the id of an object of the list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, Table, select, tuple_

from domicile.control_plane.database.transactions import Reading
from domicile.kernel import errors
from domicile.kernel.paging import Order, Window
from domicile.web.query import Query

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
PAGE_PARAMETERS = frozenset({"limit", "after", "order"})
"""The query parameters of every list. The specification names `order` for some lists only; clients send it to all."""


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of database rows."""

    rows: Sequence[Row[*tuple[Any, ...]]]
    has_more: bool


def window(query: Query, *, limit_min: int = 1, backwards: bool = False) -> Window:
    """`limit`, `after` and, where the query allows it, `order`. Lists are in ascending order by default.

    `backwards`: `before` as well. Raises 400 for both cursors at once.
    """
    limit = query.integer("limit", minimum=limit_min, maximum=MAX_LIMIT)
    after, before = query.text("after"), query.text("before") if backwards else None
    if after is not None and before is not None:
        raise errors.invalid_value("Give 'after' or 'before', not both.", "before")
    order = query.choice("order", Order, Order.ASCENDING)
    return Window(DEFAULT_LIMIT if limit is None else limit, after, order, before)


async def read_page(
    reading: Reading,
    query: Select[*tuple[Any, ...]],
    table: Table,
    part: Window,
    *,
    scope: Sequence[ColumnElement[bool]],
) -> Rows:
    """One page of the rows of `query` that are in `scope`. Raises 400 for a cursor outside the scope.

    The cursor may be a row that `query` itself filters out. Rows of deleted objects stay, so a client that deletes the
    objects of a page can still ask for the next page.
    """
    position = tuple_(table.c.created_at_ms, table.c.id)
    ascending = (part.order is Order.ASCENDING) is (part.before is None)
    query = query.where(*scope)
    name, cursor_id = ("before", part.before) if part.before is not None else ("after", part.after)
    if cursor_id is not None:
        cursor = await reading.first(select(table.c.created_at_ms, table.c.id).where(table.c.id == cursor_id, *scope))
        if cursor is None:
            raise errors.invalid_value(f"'{name}' must be the id of an object of this list.", name)
        edge = tuple_(cursor.created_at_ms, cursor.id)
        query = query.where(position > edge if ascending else position < edge)
    columns = (table.c.created_at_ms, table.c.id)
    query = query.order_by(*(column.asc() if ascending else column.desc() for column in columns)).limit(part.limit + 1)
    rows = await reading.all(query)
    found = rows[: part.limit]
    # Read backwards from `before`, and shown in the list's order.
    return Rows(found if part.before is None else found[::-1], len(rows) > part.limit)


def listing(objects: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    """OpenAI's list object."""
    return {
        "object": "list",
        "data": objects,
        "first_id": objects[0]["id"] if objects else None,
        "last_id": objects[-1]["id"] if objects else None,
        "has_more": has_more,
    }
