"""Buckets of time, of usage and of costs: the window of one answer and its pages."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from domicile.kernel import errors
from domicile.web.query import MAX_TIME_S, Query

T = TypeVar("T")

_PAGE = "page_"


class BucketWidth(StrEnum):
    """The length of a bucket. Buckets begin at whole minutes, hours or days, UTC."""

    MINUTE = "1m"
    HOUR = "1h"
    DAY = "1d"

    @property
    def minutes(self) -> int:
        """The length in minutes."""
        return {"1m": 1, "1h": 60, "1d": 1440}[self.value]

    @property
    def seconds(self) -> int:
        """The length in seconds."""
        return self.minutes * 60


@dataclass(frozen=True, slots=True)
class Bucket(Generic[T]):
    """One bucket, from `start` to before `end` in Unix seconds. `results` is empty without usage."""

    start: int
    end: int
    results: list[T]


@dataclass(frozen=True, slots=True)
class Window:
    """The buckets of one answer: up to `limit`, from `start` on, in Unix seconds. Without buckets unless it is before `end`."""

    start: int
    end: int
    width: BucketWidth
    limit: int

    @property
    def _first(self) -> int:
        return self.start // self.width.seconds

    @property
    def _beyond(self) -> int:
        return min(self._first + self.limit, -(-self.end // self.width.seconds))

    @property
    def first_minute(self) -> int:
        """The first minute of the answer, from the Unix epoch."""
        return self.start // 60

    @property
    def end_minute(self) -> int:
        """The minute before which the answer ends."""
        return -(-min(self.end, self._beyond * self.width.seconds) // 60)

    @property
    def next_start(self) -> int | None:
        """The start of the next page. None: there is none."""
        following = self._beyond * self.width.seconds
        return following if self.start < self.end and following < self.end else None

    def buckets(self, results: dict[int, list[T]]) -> list[Bucket[T]]:
        """All buckets. `results`: by the bucket's number from the Unix epoch."""
        if self.start >= self.end:
            return []
        width = self.width.seconds
        return [
            Bucket(max(number * width, self.start), min((number + 1) * width, self.end), results.get(number, []))
            for number in range(self._first, self._beyond)
        ]


def read_window(query: Query, width: BucketWidth, now_s: int, *, default: int, maximum: int) -> Window:
    """The window that a query's `start_time`, `end_time`, `limit` and `page` describe. `default`, `maximum`: of `limit`."""
    start = query.time("start_time")
    if start is None:
        raise errors.missing_parameter("start_time")
    end = query.time("end_time")
    if end is None:
        # Up to the end of the present bucket, with the usage known so far. A client whose clock is ahead may start later
        # than that, and gets no buckets.
        end = max((now_s // width.seconds + 1) * width.seconds, start)
    elif end <= start:
        raise errors.invalid_value("'end_time' must be later than 'start_time'.", "end_time")
    limit = query.integer("limit", minimum=1, maximum=maximum) or default
    return Window(_page_start(query, start, end, width), end, width, limit)


def page(window: Window, buckets: list[Bucket[T]], render: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """One answer, in OpenAI's shape."""
    following = window.next_start
    return {
        "object": "page",
        "data": [
            {
                "object": "bucket",
                "start_time": bucket.start,
                "end_time": bucket.end,
                "results": [render(each) for each in bucket.results],
            }
            for bucket in buckets
        ],
        "has_more": following is not None,
        "next_page": None if following is None else f"{_PAGE}{following:x}",
    }


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
