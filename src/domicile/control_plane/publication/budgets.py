"""The spending limits of a region's snapshot: what may be spent, and what has been spent in other regions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import or_, select

from domicile.boundary.spending import SpendingLimit, month_of
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.spent import NANODOLLARS_IN_CENT, spent_in


@dataclass(frozen=True, slots=True)
class Budgets:
    """The limits that concern a region."""

    limits: Mapping[str, SpendingLimit] = field(default_factory=dict)
    """By project and by organization."""
    exhausted: frozenset[str] = frozenset()
    """Projects of the region whose limit, or whose organization's, is reached, as far as regions have reported."""

    def changed_since(self, before: "Budgets") -> set[str]:
        """The ids of projects and organizations whose records differ."""
        owners = self.limits.keys() | before.limits.keys()
        changed = {owner for owner in owners if self.limits.get(owner) != before.limits.get(owner)}
        return changed | (self.exhausted ^ before.exhausted)


async def read_budgets(reading: Reading, region: str, now_ms: int) -> Budgets:
    """The limits of all organizations and of the region's projects."""
    limit, project = tables.spend_limit, tables.project
    query = (
        select(limit)
        .outerjoin(project, project.c.id == limit.c.project_id)
        .where(or_(limit.c.project_id.is_(None), project.c.region == region))
    )
    rows = await reading.all(query)
    if not rows:
        return Budgets()
    month = month_of(now_ms)
    spent = await spent_in(reading, month, select(limit.c.organization_id))
    limits = {}
    reached = set()
    for row in rows:
        allowed = row.cents * NANODOLLARS_IN_CENT
        by_region = spent.get(row.owner_id, {})
        elsewhere = sum(amount for code, amount in by_region.items() if code != region)
        limits[row.owner_id] = SpendingLimit(allowed, month, elsewhere)
        if sum(by_region.values()) >= allowed:
            reached.add(row.owner_id)
    return Budgets(limits, await _projects_of(reading, region, reached))


async def _projects_of(reading: Reading, region: str, owners: set[str]) -> frozenset[str]:
    if not owners:
        return frozenset()
    table = tables.project
    query = select(table.c.id).where(
        table.c.region == region, or_(table.c.id.in_(owners), table.c.organization_id.in_(owners))
    )
    return frozenset(row.id for row in await reading.all(query))
