"""Costs over HTTP, in OpenAI's shape."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.costs import Unit
from domicile.catalogue.prices import FEMTODOLLARS
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.usage.buckets import BucketWidth, page, read_window
from domicile.control_plane.usage.costs import CostGrouping, CostQuestion, Costs, CostSum
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

_PARAMETERS = frozenset(
    {"start_time", "end_time", "bucket_width", "project_ids", "api_key_ids", "group_by", "limit", "page"}
)
_LIMIT_DEFAULT, _LIMIT_MAX = 7, 180


class CostEndpoints:
    """The handler of /organization/costs."""

    def __init__(self, costs: Costs, clock: Clock) -> None:
        self._costs = costs
        self._clock = clock

    async def page(self, administrator: Administrator, request: Request) -> Response:
        """Costs by the day and group."""
        query = Query(request, _PARAMETERS)
        query.one_of("bucket_width", (BucketWidth.DAY,))
        now_s = seconds(self._clock.now_ms())
        window = read_window(query, BucketWidth.DAY, now_s, default=_LIMIT_DEFAULT, maximum=_LIMIT_MAX)
        question = CostQuestion(
            window=window,
            project_ids=query.texts("project_ids"),
            api_key_ids=query.texts("api_key_ids"),
            group_by=frozenset(query.choices("group_by", CostGrouping)),
        )
        return json_response(page(window, await self._costs.sums(administrator, question), _result))


def _result(each: CostSum) -> dict[str, Any]:
    return {
        "object": "organization.costs.result",
        "amount": {"value": dollars(each.femtodollars), "currency": "usd"},
        "line_item": each.line_item,
        "project_id": each.project_id,
        "api_key_id": each.api_key_id,
        "quantity": _quantity(each),
        "quantity_unit": each.unit,
    }


def dollars(femtodollars: int) -> float:
    """The JSON number that is nearest to an exact amount. The only place where an amount is no integer."""
    return femtodollars / FEMTODOLLARS


def _quantity(each: CostSum) -> float | None:
    return each.quantity / 1000 if each.unit is Unit.SECONDS and each.quantity is not None else each.quantity
