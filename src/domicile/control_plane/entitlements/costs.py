"""What sold units cost: units x days. They belong to the bill, whether they are used or not."""

from collections.abc import Sequence

from sqlalchemy import select

from domicile.boundary.costs import FEMTODOLLARS_IN_NANODOLLAR
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.entitlements.repository import SoldEntitlement, entitlement_of
from domicile.control_plane.usage.costs import FixedCharge, Span
from domicile.kernel.clock import Clock

_DAY_MS = 86_400_000


class UnitCosts:
    """Reads the costs of units for an invoice. What lies in the future costs nothing yet."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def read(self, reading: Reading, spans: Sequence[Span], organization_id: str | None) -> list[FixedCharge]:
        """The charges of each span, for one organization or for all: one for each entitlement that costs anything then."""
        if not spans:
            return []
        now_ms = self._clock.now_ms()
        cut = [(start_s, min(start_s * 1000, now_ms), min(end_s * 1000, now_ms)) for start_s, end_s in spans]
        table, project = tables.entitlement, tables.project
        query = (
            select(table, project.c.region)
            .join(project, project.c.id == table.c.project_id)
            .where(table.c.from_ms < cut[-1][2], table.c.until_ms > cut[0][1])
            .order_by(table.c.created_at_ms, table.c.id)
        )
        if organization_id is not None:
            query = query.where(table.c.organization_id == organization_id)
        charges = [
            _charge(entitlement_of(row), row.region, start_s, from_ms, until_ms)
            for row in await reading.all(query)
            for start_s, from_ms, until_ms in cut
        ]
        return [charge for charge in charges if charge.femtodollars]


def unit_costs(sold: SoldEntitlement, from_ms: int, until_ms: int) -> int:
    """The nanodollars that the units cost between two times: part of a day costs its part of the price.

    The difference of two totals since the beginning, each rounded down. So the costs of adjoining spans add up to those of the
    whole span, to the nanodollar.
    """
    return _costs_until(sold, until_ms) - _costs_until(sold, from_ms)


def _charge(sold: SoldEntitlement, region: str, start_s: int, from_ms: int, until_ms: int) -> FixedCharge:
    running_ms = max(0, min(until_ms, sold.until_ms) - max(from_ms, sold.from_ms))
    model = sold.models[0]
    return FixedCharge(
        start_s=start_s,
        organization_id=sold.organization_id,
        project_id=sold.project_id,
        region=region,
        model=model,
        line_item=f"scale tier | {model}, units",
        quantity=(sold.input_units + sold.output_units) * running_ms,
        quantity_unit="unit_milliseconds",
        femtodollars=unit_costs(sold, from_ms, until_ms) * FEMTODOLLARS_IN_NANODOLLAR,
    )


def _costs_until(sold: SoldEntitlement, at_ms: int) -> int:
    running_ms = max(0, min(at_ms, sold.until_ms) - sold.from_ms)
    a_day = sold.input_units * sold.input_unit_price + sold.output_units * sold.output_unit_price
    return a_day * running_ms // _DAY_MS
