"""Usage by the minute in the database: added to, never overwritten."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from domicile.boundary.usage import Usage, UsageDelta
from domicile.control_plane import tables
from domicile.control_plane.transactions import Reading, Writing

_QUANTITIES = Usage.__struct_fields__
"""Columns of the same names."""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What was used in one bucket by one group. A dimension that was not grouped by is None."""

    bucket: int
    dimensions: dict[str, Any]
    requests: int
    usage: Usage


async def add_usage(writing: Writing, region: str, delta: UsageDelta) -> None:
    """Adds a delta to what is known of its minute: a minute may arrive in parts."""
    table = tables.usage_minute
    quantities = {"requests": delta.requests, **{name: getattr(delta.usage, name) for name in _QUANTITIES}}
    statement = writing.insert_into(table).values(
        organization_id=delta.organization_id,
        minute=delta.minute,
        region=region,
        project_id=delta.project_id,
        key_id=delta.key_id,
        model=delta.model,
        fine_tuned_model=delta.fine_tuned_model or "",
        endpoint=delta.endpoint,
        tier=delta.tier,
        batch=delta.batch,
        image_size=delta.image_size or "",
        **quantities,
    )
    await writing.execute(
        statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: table.c[name] + statement.excluded[name] for name in quantities},
        )
    )


async def belongs_together(reading: Reading, region: str, delta: UsageDelta) -> bool:
    """Whether the delta's key is (or was) a key of its project, its project its organization's, and all of this region."""
    key, project = tables.api_key, tables.project
    query = (
        select(key.c.id)
        .join(project, project.c.id == key.c.project_id)
        .where(
            key.c.id == delta.key_id,
            key.c.project_id == delta.project_id,
            project.c.organization_id == delta.organization_id,
            project.c.region == region,
        )
    )
    return await reading.first(query) is not None


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
    sums = [func.sum(table.c[name]).label(name) for name in ("requests", *_QUANTITIES)]
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
