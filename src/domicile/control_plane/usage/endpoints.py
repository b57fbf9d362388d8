"""Usage over HTTP, in OpenAI's shape, and the regions' reports."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.usage import Received, UsageReport
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion
from domicile.control_plane.usage.kinds import IMAGE_SIZES, IMAGE_SOURCES, Grouping, ImageSource, UsageKind
from domicile.control_plane.usage.repository import UsageSum
from domicile.control_plane.usage.service import Bucket, BucketWidth, UsageQuestion, UsageTotals
from domicile.kernel import errors
from domicile.kernel.clock import Clock, seconds
from domicile.web.bodies.json_body import decode_json
from domicile.web.bodies.reading import json_response
from domicile.web.query import MAX_TIME_S, Query

_LIMITS = {BucketWidth.MINUTE: (60, 1440), BucketWidth.HOUR: (24, 168), BucketWidth.DAY: (7, 31)}
_PARAMETERS_OF_ALL = {
    "start_time",
    "end_time",
    "bucket_width",
    "project_ids",
    "user_ids",
    "api_key_ids",
    "models",
    "group_by",
    "limit",
    "page",
}
_PAGE = "page_"


class UsageEndpoints:
    """Handlers for /organization/usage, and for the regions' usage reports."""

    def __init__(self, usage: UsageTotals, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    def of(self, kind: UsageKind) -> Callable[[Administrator, Request], Awaitable[Response]]:
        """The handler of one kind: sums by bucket and group."""

        async def answer(administrator: Administrator, request: Request) -> Response:
            query = Query(request, _PARAMETERS_OF_ALL | kind.filters)
            question = _question(kind, query, seconds(self._clock.now_ms()))
            buckets, next_start = await self._usage.sums(administrator, question)
            return json_response(
                {
                    "object": "page",
                    "data": [_bucket(kind, bucket) for bucket in buckets],
                    "has_more": next_start is not None,
                    "next_page": None if next_start is None else f"{_PAGE}{next_start:x}",
                }
            )

        return answer

    async def ingest(self, region: EnrolledRegion, _request: Request, body: bytes) -> Response:
        """Takes in a region's usage report."""
        return json_response(Received(await self._usage.ingest(region, decode_json(body, UsageReport))))


def _question(kind: UsageKind, query: Query, now_s: int) -> UsageQuestion:
    start = query.time("start_time")
    if start is None:
        raise errors.missing_parameter("start_time")
    width = query.choice("bucket_width", BucketWidth, BucketWidth.DAY)
    end = query.time("end_time")
    if end is None:
        # Up to the end of the present bucket, with the usage known so far. A client whose clock is ahead may start later
        # than that, and gets no buckets.
        end = max((now_s // width.seconds + 1) * width.seconds, start)
    elif end <= start:
        raise errors.invalid_value("'end_time' must be later than 'start_time'.", "end_time")
    default, maximum = _LIMITS[width]
    return UsageQuestion(
        kind=kind,
        start=_page_start(query, start, end, width),
        end=end,
        width=width,
        limit=query.integer("limit", minimum=1, maximum=maximum) or default,
        project_ids=query.texts("project_ids"),
        api_key_ids=query.texts("api_key_ids"),
        user_ids=query.texts("user_ids"),
        models=query.texts("models"),
        batch=query.boolean("batch"),
        sources=query.choices("sources", ImageSource),
        sizes=query.choices("sizes", IMAGE_SIZES),
        group_by=query.choices("group_by", kind.groupings),
    )


def _page_start(query: Query, start: int, end: int, width: BucketWidth) -> int:
    page = query.text("page")
    if page is None:
        return start
    try:
        position = int(page.removeprefix(_PAGE), 16) if page.startswith(_PAGE) else -1
    except ValueError:
        position = -1
    if not (start <= position < end <= MAX_TIME_S and position % width.seconds == 0):
        raise errors.invalid_value("'page' must be the 'next_page' of an answer to the same query.", "page")
    return position


def _bucket(kind: UsageKind, bucket: Bucket) -> dict[str, Any]:
    return {
        "object": "bucket",
        "start_time": bucket.start,
        "end_time": bucket.end,
        "results": [_result(kind, each) for each in bucket.results],
    }


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
