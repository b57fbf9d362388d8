"""Service levels over HTTP, for the operator and the organization's admin, and the regions' reports. The shapes are ours."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.service_levels import ServiceLevelReport
from domicile.boundary.usage import Received
from domicile.control_plane.entitlements.repository import SoldEntitlement
from domicile.control_plane.entitlements.service import Entitlements
from domicile.control_plane.entitlements.service_levels import ServiceLevel, ServiceLevels
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.control_plane.usage.buckets import BucketWidth
from domicile.kernel import errors
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

_BUCKETS_MAX = {BucketWidth.MINUTE: 1440, BucketWidth.HOUR: 168, BucketWidth.DAY: 31}


class ServiceLevelEndpoints:
    """Handlers; the URL map is in `control_plane.http`."""

    def __init__(self, entitlements: Entitlements, levels: ServiceLevels, clock: Clock) -> None:
        self._entitlements = entitlements
        self._levels = levels
        self._clock = clock

    async def get_any(self, operator: Operator, request: Request) -> Response:
        """The service levels of any project's entitlement."""
        sold = await self._entitlements.get(operator, request.path_params["entitlement_id"])
        return await self._answer(operator, sold, request)

    async def get(self, administrator: Administrator, request: Request) -> Response:
        """The service levels of an entitlement of the organization."""
        entitlement_id, project_id = request.path_params["entitlement_id"], request.path_params["project_id"]
        sold = await self._entitlements.get(administrator, entitlement_id, project_id=project_id)
        return await self._answer(administrator, sold, request)

    async def ingest(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """Takes in a region's report."""
        return json_response(Received(await self._levels.ingest(region, decode_json(body, ServiceLevelReport))))

    async def _answer(self, principal: Operator | Administrator, sold: SoldEntitlement, request: Request) -> Response:
        query = Query(request, {"start_time", "end_time", "bucket_width"})
        width = query.choice("bucket_width", BucketWidth, BucketWidth.DAY)
        now = seconds(self._clock.now_ms())
        end = query.time("end_time")
        if end is None:
            end = (now // width.seconds + 1) * width.seconds
        start = query.time("start_time")
        if start is None:
            start = max(0, end - 7 * BucketWidth.DAY.seconds if width is BucketWidth.DAY else end - width.seconds * 60)
        if end <= start:
            raise errors.invalid_value("'end_time' must be later than 'start_time'.", "end_time")
        if (end - start) > _BUCKETS_MAX[width] * width.seconds:
            raise errors.invalid_value(
                f"With this 'bucket_width' the times may be {_BUCKETS_MAX[width]} buckets apart.", "start_time"
            )
        found = await self._levels.sums(principal, sold, start, end, width.minutes)
        data = [_render(each, sold, start, end, width) for each in found]
        return json_response({"object": "list", "data": data})


def _render(level: ServiceLevel, sold: SoldEntitlement, start: int, end: int, width: BucketWidth) -> dict[str, Any]:
    rate = level.tokens_per_second
    return {
        "object": "scale_tier.service_level",
        "entitlement_id": sold.id,
        "start_time": max(start, level.number * width.seconds),
        "end_time": min(end, (level.number + 1) * width.seconds),
        "num_model_requests": level.requests,
        "failed_requests": level.failed,
        "availability": level.availability,
        "input_tokens": level.input_tokens,
        "output_tokens": level.output_tokens,
        "tokens_per_second": None if rate is None else round(rate, 3),
        "first_token_p50_ms": level.first_token_ms(0.5),
        "first_token_p99_ms": level.first_token_ms(0.99),
    }
