"""Usage and costs of all organizations for the operator, by the day: to compare with regions' ledgers, and to export."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.costs import Unit, charges
from domicile.boundary.usage import Usage
from domicile.catalogue.prices import PriceList, day_of
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader
from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.usage.costs import PRICED_BY, FixedCharge, FixedCharges, consumption_of
from domicile.control_plane.usage.repository import MINUTES_IN_DAY, UsageSum, sum_usage
from domicile.kernel.clock import Clock
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query


class OperatorUsageEndpoints:
    """Handlers of the operator API. Each answers for one day, UTC, which bounds an answer: today by default."""

    def __init__(self, reader: Reader, prices: PriceList, fixed_charges: FixedCharges, clock: Clock) -> None:
        self._reader = reader
        self._prices = prices
        self._fixed_charges = fixed_charges
        self._clock = clock

    async def usage(self, operator: Operator, request: Request) -> Response:
        """Sums by region, project and model."""
        query = Query(request, {"day", "region"})
        table = tables.usage_minute
        region = query.text("region")
        conditions = [] if region is None else [table.c.region == region]
        dimensions = {name: table.c[name] for name in ("region", "project_id", "model")}
        sums = await self._sums(operator, query, dimensions, conditions)
        quantities = Usage.__struct_fields__
        return json_response(
            {
                "object": "list",
                "data": [
                    {
                        **each.dimensions,
                        "requests": each.requests,
                        **{name: getattr(each.usage, name) for name in quantities},
                    }
                    for each in sums
                ],
            }
        )

    async def costs(self, operator: Operator, request: Request) -> Response:
        """Charges by organization, project, region and line item. Amounts are integers, in femtodollars."""
        query = Query(request, {"day", "organization_id"})
        table = tables.usage_minute
        organization = query.text("organization_id")
        conditions = [] if organization is None else [table.c.organization_id == organization]
        owners = {name: table.c[name] for name in ("organization_id", "project_id", "region")}
        sums = await self._sums(operator, query, {**owners, **PRICED_BY}, conditions)
        start_s = self._first_minute(query) * 60
        async with self._reader.reading(operator) as reading:
            fixed = await self._fixed_charges.read(reading, [(start_s, start_s + MINUTES_IN_DAY * 60)], organization)
        lines = [line for each in sums for line in self._lines(each)]
        return json_response({"object": "list", "data": [*lines, *map(_fixed_line, fixed)]})

    def _lines(self, each: UsageSum) -> list[dict[str, Any]]:
        consumption = consumption_of(each)
        owners = {name: each.dimensions[name] for name in ("organization_id", "project_id", "region")}
        return [
            {
                **owners,
                "model": consumption.model,
                "line_item": charge.line_item,
                "quantity": charge.quantity,
                "quantity_unit": "milliseconds" if charge.unit is Unit.SECONDS else charge.unit,
                "femtodollars": charge.femtodollars,
            }
            for charge in charges(consumption, self._prices.at(consumption.model, each.bucket))
        ]

    async def _sums(
        self,
        operator: Operator,
        query: Query,
        dimensions: Mapping[str, ColumnElement[Any]],
        conditions: list[ColumnElement[bool]],
    ) -> list[UsageSum]:
        table, first = tables.usage_minute, self._first_minute(query)
        within = [table.c.minute >= first, table.c.minute < first + MINUTES_IN_DAY]
        async with self._reader.reading(operator) as reading:
            return await sum_usage(
                reading, width_minutes=MINUTES_IN_DAY, dimensions=dimensions, conditions=[*within, *conditions]
            )

    def _first_minute(self, query: Query) -> int:
        date = query.date("day")
        day = self._clock.now_ms() // 60_000 // MINUTES_IN_DAY if date is None else day_of(date)
        return day * MINUTES_IN_DAY


def _fixed_line(charge: FixedCharge) -> dict[str, Any]:
    names = (*("organization_id", "project_id", "region", "model", "line_item"), "quantity", "quantity_unit")
    return {**{name: getattr(charge, name) for name in names}, "femtodollars": charge.femtodollars}
