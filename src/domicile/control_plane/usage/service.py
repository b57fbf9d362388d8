"""Usage: counted once when a region reports it, summed when an admin queries it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false

from domicile.boundary.costs import Consumption, cost
from domicile.boundary.spending import month_of
from domicile.boundary.usage import UsageReport
from domicile.catalogue.prices import PriceList
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion
from domicile.control_plane.reports import receive, require_own
from domicile.control_plane.spent import Spender, add_spending
from domicile.control_plane.usage.buckets import Bucket, Window
from domicile.control_plane.usage.kinds import IMAGE_SOURCES, Grouping, ImageSource, UsageKind
from domicile.control_plane.usage.repository import (
    MINUTES_IN_DAY,
    UsageSum,
    add_usage,
    all_belong,
    plausible_minute,
    sum_usage,
)
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database


@dataclass(frozen=True, slots=True)
class UsageQuestion:
    """The parameters of a usage query. An empty list filters nothing."""

    kind: UsageKind
    window: Window
    project_ids: list[str]
    api_key_ids: list[str]
    user_ids: list[str]
    models: list[str]
    batch: bool | None
    sources: list[ImageSource]
    sizes: list[str]
    group_by: list[Grouping]


class UsageTotals:
    """Adds the regions' reports to totals by the minute, and sums these for admins."""

    def __init__(
        self, reader: Reader, database: Database, clock: Clock, models: frozenset[str], prices: PriceList
    ) -> None:
        """`models`: the catalogue's snapshots. Other names are refused, so that a report carries no free text."""
        self._models = models
        self._prices = prices
        self._reader = reader
        self._database = database
        self._clock = clock

    async def ingest(self, region: EnrolledRegion, report: UsageReport) -> bool:
        """Counts the report as a whole. Returns whether it is new.

        Raises 403, and counts nothing, when one delta names an unknown model, or a project or key of another region.
        """
        require_own(region, report)
        if not self._models.issuperset(delta.model for delta in report.deltas):
            raise errors.forbidden(
                "unknown_model",
                "A delta of this report names a model that is not in the control plane's catalogue. Give the control plane the "
                "catalogue file that the region has.",
            )
        async with self._database.transaction(rows_of=region.rows_of) as connection:
            writing = await receive(connection, report, self._clock.now_ms())
            if writing is None:
                return False
            if not await all_belong(writing, report.region, report.deltas):
                raise errors.forbidden(
                    "foreign_usage", "A delta of this report names a project or key that is not of this region."
                )
            now_ms = self._clock.now_ms()
            await add_usage(writing, report.region, report.deltas, now_ms)
            await add_spending(writing, self._costs(report, now_ms))
        return True

    def _costs(self, report: UsageReport, now_ms: int) -> dict[Spender, int]:
        """What the report's usage costs, in femtodollars."""
        costs: dict[Spender, int] = defaultdict(int)
        for delta in report.deltas:
            minute = plausible_minute(delta.minute, now_ms)
            consumption = Consumption(delta.model, delta.usage, delta.tier, delta.batch, delta.image_size)
            amount = cost(consumption, self._prices.at(delta.model, minute // MINUTES_IN_DAY))
            if amount:
                costs[Spender(delta.organization_id, month_of(minute * 60_000), report.region, delta.project_id)] += (
                    amount
                )
        return costs

    async def sums(self, administrator: Administrator, question: UsageQuestion) -> list[Bucket[UsageSum]]:
        """The buckets of the question's window."""
        table, window = tables.usage_minute, question.window
        conditions = [
            table.c.organization_id == administrator.organization_id,
            table.c.minute >= window.first_minute,
            table.c.minute < window.end_minute,
            table.c.endpoint.in_(question.kind.endpoints),
            *_filters(question),
        ]
        columns: dict[Grouping, ColumnElement[Any]] = {
            Grouping.PROJECT: table.c.project_id,
            Grouping.KEY: table.c.key_id,
            Grouping.MODEL: table.c.model,
            Grouping.BATCH: table.c.batch,
            Grouping.TIER: table.c.tier,
            Grouping.SIZE: table.c.image_size,
            Grouping.SOURCE: table.c.endpoint,
        }
        dimensions = {name.value: columns[name] for name in dict.fromkeys(question.group_by) if name in columns}
        async with self._reader.reading(administrator) as reading:
            sums = await sum_usage(
                reading, width_minutes=window.width.minutes, dimensions=dimensions, conditions=conditions
            )
        found: dict[int, list[UsageSum]] = {}
        for each in sums:
            found.setdefault(each.bucket, []).append(each)
        return window.buckets(found)


def _filters(question: UsageQuestion) -> list[ColumnElement[bool]]:
    table = tables.usage_minute
    conditions: list[ColumnElement[bool]] = []
    if question.project_ids:
        conditions.append(table.c.project_id.in_(question.project_ids))
    if question.api_key_ids:
        conditions.append(table.c.key_id.in_(question.api_key_ids))
    if question.models:
        conditions.append(table.c.model.in_(question.models))
    if question.batch is not None:
        conditions.append(table.c.batch.is_(question.batch))
    if question.sources:
        conditions.append(
            table.c.endpoint.in_([each for each, source in IMAGE_SOURCES.items() if source in question.sources])
        )
    if question.sizes:
        conditions.append(table.c.image_size.in_(question.sizes))
    if question.user_ids:
        # All keys belong to service accounts, so no usage belongs to a user.
        conditions.append(false())
    return conditions
