"""Usage over HTTP, in OpenAI's shape, and the regions' reports."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.usage import Received, UsageReport
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion
from domicile.control_plane.usage.buckets import BucketWidth, page, read_window
from domicile.control_plane.usage.kinds import (
    CONTEXT_LEVELS,
    IMAGE_SIZES,
    IMAGE_SOURCES,
    Grouping,
    ImageSource,
    UsageKind,
)
from domicile.control_plane.usage.repository import UsageSum
from domicile.control_plane.usage.service import UsageQuestion, UsageTotals
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

_LIMITS = {BucketWidth.MINUTE: (60, 1440), BucketWidth.HOUR: (24, 168), BucketWidth.DAY: (7, 31)}


class UsageEndpoints:
    """Handlers for /organization/usage, and for the regions' usage reports."""

    def __init__(self, usage: UsageTotals, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    def of(self, kind: UsageKind) -> Callable[[Administrator, Request], Awaitable[Response]]:
        """The handler of one kind: sums by bucket and group."""

        async def answer(administrator: Administrator, request: Request) -> Response:
            query = Query(request, kind.parameters)
            question = _question(kind, query, seconds(self._clock.now_ms()))
            buckets = await self._usage.sums(administrator, question)
            return json_response(page(question.window, buckets, lambda each: _result(kind, each)))

        return answer

    async def ingest(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """Takes in a region's usage report."""
        return json_response(Received(await self._usage.ingest(region, decode_json(body, UsageReport))))


def _question(kind: UsageKind, query: Query, now_s: int) -> UsageQuestion:
    width = query.choice("bucket_width", BucketWidth, BucketWidth.DAY)
    default, maximum = _LIMITS[width]
    # A filter of a kind that is not served: its buckets are empty anyway, and a wrong value is refused all the same.
    query.choices("context_levels", CONTEXT_LEVELS)
    return UsageQuestion(
        kind=kind,
        window=read_window(query, width, now_s, default=default, maximum=maximum),
        project_ids=query.texts("project_ids"),
        api_key_ids=query.texts("api_key_ids"),
        user_ids=query.texts("user_ids"),
        models=query.texts("models"),
        batch=query.boolean("batch"),
        sources=query.choices("sources", ImageSource),
        sizes=query.choices("sizes", IMAGE_SIZES),
        group_by=query.choices("group_by", kind.groupings),
    )


def _result(kind: UsageKind, each: UsageSum) -> dict[str, Any]:
    return {
        "object": f"organization.usage.{kind.name}.result",
        **kind.quantities(each.usage),
        "num_model_requests": each.requests,
        **{name: _shown(name, each.dimensions.get(name)) for name in kind.groupings},
    }


def _shown(grouping: Grouping, value: Any) -> Any:
    if grouping is Grouping.SOURCE and value is not None:
        return IMAGE_SOURCES[value]
    # The database stores an absent text as an empty one.
    return None if value == "" else value
