"""Usage by the minute in the database. Reports add to a row and never overwrite it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select, update

from domicile.boundary.usage import Usage, UsageDelta
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing

_QUANTITIES = Usage.__struct_fields__
"""Columns of the same names."""
_SUMS = ("requests", *_QUANTITIES)
_KEY = [column.name for column in tables.usage_minute.primary_key.columns]

MINUTE_MAX = 2**40
"""The maximum of each quantity in one row, so that the sum of eight million rows still fits into 64 bits."""

MINUTES_IN_DAY = 24 * 60

# A region may have been offline for a year. A region's clock may be a day ahead until its first snapshot corrects it.
_OLDEST_MINUTES = 400 * 24 * 60
_NEWEST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class UsageSum:
    """The usage of one group in one bucket. `dimensions`: the group's value of each grouping, by its name."""

    bucket: int
    dimensions: dict[str, Any]
    requests: int
    usage: Usage


async def add_usage(writing: Writing, region: str, deltas: Iterable[UsageDelta], now_ms: int) -> None:
    """Adds a report's deltas to the sums of their minutes, in one statement. A minute may arrive in several reports.

    A sum stops at `MINUTE_MAX`, so that no report can make a column overflow. An implausible minute is booked to the present
    one: a region whose clock was wrong keeps its usage.
    """
    rows = _summed(region, deltas, now_ms)
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
    await _mark_used(writing, rows)


async def _mark_used(writing: Writing, rows: Iterable[dict[str, Any]]) -> None:
    """Sets when each key was last used: one statement for each minute of the report, of which there are one or two."""
    keys: dict[int, set[str]] = {}
    for row in rows:
        keys.setdefault(row["minute"], set()).add(row["key_id"])
    key = tables.api_key
    for minute, ids in sorted(keys.items()):
        at_ms = minute * 60_000
        earlier = or_(key.c.last_used_at_ms.is_(None), key.c.last_used_at_ms < at_ms)
        await writing.execute(update(key).where(key.c.id.in_(sorted(ids)), earlier).values(last_used_at_ms=at_ms))


def _summed(region: str, deltas: Iterable[UsageDelta], now_ms: int) -> list[dict[str, Any]]:
    """One row for each key of the table: PostgreSQL refuses a statement that touches a row twice."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for delta in deltas:
        place = (
            delta.organization_id,
            plausible_minute(delta.minute, now_ms),
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


def plausible_minute(minute: int, now_ms: int) -> int:
    """The minute to which a report is booked: the present one in the place of one that cannot be right."""
    now = now_ms // 60_000
    return minute if now - _OLDEST_MINUTES <= minute <= now + _NEWEST_MINUTES else now


async def all_belong(reading: Reading, region: str, deltas: Iterable[UsageDelta]) -> bool:
    """Whether each delta names a key with its own project and organization, in this region. A revoked key counts too."""
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
    dimensions: Mapping[str, ColumnElement[Any]],
    conditions: list[ColumnElement[bool]],
) -> list[UsageSum]:
    """Sums by bucket (counted from the Unix epoch) and dimension, in a stable order."""
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
