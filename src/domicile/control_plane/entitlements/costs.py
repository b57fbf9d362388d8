"""What sold units cost: units x days, in nanodollars."""

from dataclasses import dataclass

from sqlalchemy import select

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.entitlements.repository import SoldEntitlement, entitlement_of

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """The costs of one entitlement's units in a span of time."""

    organization_id: str
    project_id: str
    models: tuple[str, ...]
    nanodollars: int


async def read_unit_costs(reading: Reading, organization_id: str, from_ms: int, until_ms: int) -> list[UnitCosts]:
    """The costs of the organization's entitlements between two times, one for each that costs anything then."""
    table = tables.entitlement
    query = (
        select(table)
        .where(table.c.organization_id == organization_id, table.c.from_ms < until_ms, table.c.until_ms > from_ms)
        .order_by(table.c.created_at_ms, table.c.id)
    )
    found = [entitlement_of(row) for row in await reading.all(query)]
    costs = [
        UnitCosts(each.organization_id, each.project_id, each.models, unit_costs(each, from_ms, until_ms))
        for each in found
    ]
    return [each for each in costs if each.nanodollars]


def unit_costs(sold: SoldEntitlement, from_ms: int, until_ms: int) -> int:
    """The nanodollars that the units cost between two times: part of a day costs its part of the price.

    The difference of two totals since the beginning, each rounded down. So the costs of adjoining spans add up to those of the
    whole span, to the nanodollar.
    """
    return _costs_until(sold, until_ms) - _costs_until(sold, from_ms)


def _costs_until(sold: SoldEntitlement, at_ms: int) -> int:
    running_ms = max(0, min(at_ms, sold.until_ms) - sold.from_ms)
    a_day = sold.input_units * sold.input_unit_price + sold.output_units * sold.output_unit_price
    return a_day * running_ms // _DAY_MS
