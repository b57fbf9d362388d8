"""Usage by the minute in the database: added to, never overwritten."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select

from domicile.boundary.usage import Usage, UsageDelta
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing

_QUANTITIES = Usage.__struct_fields__
"""Columns of the same names."""
_SUMS = ("requests", *_QUANTITIES)
_KEY = [column.name for column in tables.usage_minute.primary_key.columns]

MINUTE_MAX = 2**40
"""Of each quantity in one row, so that the sum of eight million rows is still an integer of 64 bits."""

# A region that was away for a year reports what it did. One whose clock is a day ahead is put right by its first snapshot.
_OLDEST_MINUTES = 400 * 24 * 60
_NEWEST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What was used in one bucket by one group. A dimension that was not grouped by is None."""

    bucket: int
    dimensions: dict[str, Any]
    requests: int
    usage: Usage


async def add_usage(writing: Writing, region: str, deltas: Iterable[UsageDelta], now_ms: int) -> None:
    """Adds a report's deltas to what is known of their minutes, in one statement. A minute may arrive in several reports.

    A sum stays at `MINUTE_MAX` once it is there, so that no report can make a column overflow. A minute that cannot be
    true is booked to now: a region whose clock was wrong keeps its usage.
    """
    rows = _summed(region, deltas, now_ms // 60_000)
    if not rows:
        return
    table = tables.usage_minute
    statement = writing.insert_into(table)
    sums = {name: table.c[name] + statement.excluded[name] for name in _SUMS}
    statement = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: case((sum_ > MINUTE_MAX, MINUTE_MAX), else_=sum_) for name, sum_ in sums.items()},
    )
    await writing.execute_many(statement, rows)


def _summed(region: str, deltas: Iterable[UsageDelta], now: int) -> list[dict[str, Any]]:
    """One row for each key of the table: PostgreSQL refuses a statement that touches a row twice."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for delta in deltas:
        place = (
            delta.organization_id,
            _plausible(delta.minute, now),
            region,
            delta.project_id,
            delta.key_id,
            delta.model,
            delta.fine_tuned_model or "",
            delta.endpoint.value,
            delta.tier.value,
            delta.batch,
            delta.image_size.value if delta.image_size else "",
        )
        row = rows.get(place)
        if row is None:
            row = rows[place] = {**dict(zip(_KEY, place, strict=True)), **dict.fromkeys(_SUMS, 0)}
        row["requests"] = min(row["requests"] + delta.requests, MINUTE_MAX)
        for name in _QUANTITIES:
            row[name] = min(row[name] + getattr(delta.usage, name), MINUTE_MAX)
    return list(rows.values())


def _plausible(minute: int, now: int) -> int:
    return minute if now - _OLDEST_MINUTES <= minute <= now + _NEWEST_MINUTES else now


async def all_belong(reading: Reading, region: str, deltas: Iterable[UsageDelta]) -> bool:
    """Whether each key is (or was) a key of its project, its project its organization's, and all of this region."""
    key, project = tables.api_key, tables.project
    claimed = {(delta.key_id, delta.project_id, delta.organization_id) for delta in deltas}
    query = (
        select(key.c.id, key.c.project_id, project.c.organization_id)
        .join(project, project.c.id == key.c.project_id)
        .where(key.c.id.in_({key_id for key_id, _, _ in claimed}), project.c.region == region)
    )
    return claimed <= {(row.id, row.project_id, row.organization_id) for row in await reading.all(query)}


async def sum_usage(
    reading: Reading,
    *,
    width_minutes: int,
    dimensions: dict[str, ColumnElement[Any]],
    conditions: list[ColumnElement[bool]],
) -> list[UsageSum]:
    """Sums by bucket (its number since the epoch) and dimension, in a stable order."""
    table = tables.usage_minute
    bucket = table.c.minute // width_minutes
    sums = [func.sum(table.c[name]).label(name) for name in _SUMS]
    grouped = [column.label(f"by_{name}") for name, column in dimensions.items()]
    query: Select[*tuple[Any, ...]] = (
        select(bucket.label("bucket"), *grouped, *sums)
        .where(*conditions)
        .group_by(bucket, *dimensions.values())
        .order_by(bucket, *dimensions.values())
    )
    return [
        UsageSum(
            bucket=int(row.bucket),
            dimensions={name: getattr(row, f"by_{name}") for name in dimensions},
            requests=int(row.requests),
            usage=Usage(**{name: int(getattr(row, name)) for name in _QUANTITIES}),
        )
        for row in await reading.all(query)
    ]
