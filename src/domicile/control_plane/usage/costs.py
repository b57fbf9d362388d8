"""Costs: usage by the day, at the prices that were valid on that day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import ColumnElement

from domicile.boundary.costs import Consumption, Unit, charges
from domicile.boundary.usage import ImageSize, ServiceTier
from domicile.catalogue.prices import PriceList
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.usage.buckets import Bucket, BucketWidth, Window
from domicile.control_plane.usage.repository import UsageSum, sum_usage


class CostGrouping(StrEnum):
    """A member by which costs may be grouped."""

    PROJECT = "project_id"
    KEY = "api_key_id"
    LINE_ITEM = "line_item"


@dataclass(frozen=True, slots=True)
class CostQuestion:
    """The parameters of a query for costs, by the day. An empty list filters nothing."""

    window: Window
    project_ids: list[str]
    api_key_ids: list[str]
    group_by: frozenset[CostGrouping]


@dataclass(frozen=True, slots=True)
class CostSum:
    """The costs of one group in one bucket, in femtodollars. A member by which nothing is grouped is None."""

    project_id: str | None
    api_key_id: str | None
    line_item: str | None
    unit: Unit | None
    quantity: int | None
    femtodollars: int


Span = tuple[int, int]
"""From one time to before another, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class FixedCharge:
    """A charge that no usage causes, for the span of time that begins at `start_s`."""

    start_s: int
    organization_id: str
    project_id: str
    region: str
    model: str
    line_item: str
    quantity: int
    quantity_unit: str
    femtodollars: int


class FixedCharges(Protocol):
    """Where charges come from that no usage causes."""

    async def read(self, reading: Reading, spans: Sequence[Span], organization_id: str | None) -> list[FixedCharge]:
        """The charges of each span, for one organization or for all."""
        ...


class Costs:
    """Computes what an organization's usage costs, and adds its fixed charges."""

    def __init__(self, reader: Reader, prices: PriceList, fixed_charges: FixedCharges) -> None:
        self._reader = reader
        self._prices = prices
        self._fixed_charges = fixed_charges

    async def sums(self, administrator: Administrator, question: CostQuestion) -> list[Bucket[CostSum]]:
        """The buckets of the question's window."""
        table, window = tables.usage_minute, question.window
        conditions: list[ColumnElement[bool]] = [
            table.c.organization_id == administrator.organization_id,
            table.c.minute >= window.first_minute,
            table.c.minute < window.end_minute,
        ]
        if question.project_ids:
            conditions.append(table.c.project_id.in_(question.project_ids))
        if question.api_key_ids:
            conditions.append(table.c.key_id.in_(question.api_key_ids))
        dimensions: dict[str, ColumnElement[Any]] = dict(PRICED_BY)
        if CostGrouping.PROJECT in question.group_by:
            dimensions["project_id"] = table.c.project_id
        if CostGrouping.KEY in question.group_by:
            dimensions["api_key_id"] = table.c.key_id
        async with self._reader.reading(administrator) as reading:
            sums = await sum_usage(
                reading, width_minutes=BucketWidth.DAY.minutes, dimensions=dimensions, conditions=conditions
            )
            fixed = await self._fixed(reading, administrator, question)
        return window.buckets(_by_bucket(sums, fixed, self._prices, question.group_by))

    async def _fixed(self, reading: Reading, administrator: Administrator, question: CostQuestion) -> list[FixedCharge]:
        if question.api_key_ids:
            # No key causes them, so a filter by keys leaves none.
            return []
        days: list[Bucket[CostSum]] = question.window.buckets({})
        spans = [(day.start, day.end) for day in days]
        found = await self._fixed_charges.read(reading, spans, administrator.organization_id)
        wanted = question.project_ids
        return [charge for charge in found if not wanted or charge.project_id in wanted]


PRICED_BY = {
    "model": tables.usage_minute.c.model,
    "tier": tables.usage_minute.c.tier,
    "batch": tables.usage_minute.c.batch,
    "image_size": tables.usage_minute.c.image_size,
}
"""The columns on which a price depends, beside the day."""


def consumption_of(each: UsageSum) -> Consumption:
    """What was consumed, from a sum that is grouped by `PRICED_BY`."""
    size = each.dimensions["image_size"]
    tier, batch = ServiceTier(each.dimensions["tier"]), bool(each.dimensions["batch"])
    return Consumption(each.dimensions["model"], each.usage, tier, batch, ImageSize(size) if size else None)


def _by_bucket(
    sums: Iterable[UsageSum], fixed: Iterable[FixedCharge], prices: PriceList, group_by: frozenset[CostGrouping]
) -> dict[int, list[CostSum]]:
    """By the bucket's number, which is the day. Groups in a stable order."""
    by_line, by_project = CostGrouping.LINE_ITEM in group_by, CostGrouping.PROJECT in group_by
    totals: dict[tuple[int, str, str, str, Unit | None], tuple[int, int]] = {}
    for charge in fixed:
        day, project_id = charge.start_s // BucketWidth.DAY.seconds, charge.project_id if by_project else ""
        key = (day, project_id, "", charge.line_item if by_line else "", None)
        totals[key] = (0, totals.get(key, (0, 0))[1] + charge.femtodollars)
    for each in sums:
        consumption = consumption_of(each)
        group = (each.dimensions.get("project_id", ""), each.dimensions.get("api_key_id", ""))
        lines = charges(consumption, prices.at(consumption.model, each.bucket))
        for line in lines:
            key = (each.bucket, *group, *((line.line_item, line.unit) if by_line else ("", None)))
            quantity, amount = totals.get(key, (0, 0))
            totals[key] = (quantity + line.quantity, amount + line.femtodollars)
    found: dict[int, list[CostSum]] = {}
    for (bucket, project, key_id, line_item, unit), (quantity, amount) in sorted(
        totals.items(), key=lambda item: item[0][:4]
    ):
        found.setdefault(bucket, []).append(
            CostSum(
                project or None, key_id or None, line_item or None, unit, quantity if unit is not None else None, amount
            )
        )
    return found
