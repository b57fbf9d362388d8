"""Service levels of entitlements: counted once when a region reports them, summed when they are read (contract C19)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, case, func, select

from domicile.boundary.service_levels import ServiceLevelDelta, ServiceLevelReport, first_token_quantile
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reader, Reading, Writing
from domicile.control_plane.entitlements.repository import SoldEntitlement
from domicile.control_plane.principals.principal import Administrator, EnrolledRegion, Operator
from domicile.control_plane.reports import receive, require_own
from domicile.control_plane.usage.repository import MINUTE_MAX, plausible_minute
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

_COUNTERS = (
    "requests",
    "failed",
    "input_tokens",
    "output_tokens",
    "streamed_tokens",
    "streaming_milliseconds",
)


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """What came of an entitlement's requests in one bucket of time. `number`: counted from the Unix epoch."""

    number: int
    requests: int
    failed: int
    input_tokens: int
    output_tokens: int
    streamed_tokens: int
    streaming_milliseconds: int
    first_tokens: dict[int, int]
    """Answers by bucket of the histogram."""

    @property
    def availability(self) -> float | None:
        """The share of the requests that the platform did not fail. None without requests."""
        return 1 - self.failed / self.requests if self.requests else None

    @property
    def tokens_per_second(self) -> float | None:
        """How fast streamed answers came, on average over all their tokens. None without any."""
        if not self.streaming_milliseconds:
            return None
        return self.streamed_tokens * 1000 / self.streaming_milliseconds

    def first_token_ms(self, share: float) -> int | None:
        """The time in which this share of the streamed answers began. None without any."""
        return first_token_quantile(self.first_tokens, share)


class ServiceLevels:
    """Adds the regions' reports to counters by the minute, and sums these."""

    def __init__(self, reader: Reader, database: Database, clock: Clock) -> None:
        self._reader = reader
        self._database = database
        self._clock = clock

    async def ingest(self, region: EnrolledRegion, report: ServiceLevelReport) -> bool:
        """Counts the report as a whole. Returns whether it is new. Raises 403 for an entitlement of another region."""
        require_own(region, report)
        async with self._database.transaction(rows_of=region.rows_of) as connection:
            writing = await receive(connection, report, self._clock.now_ms())
            if writing is None:
                return False
            owners = await _owners(writing, report.region, {delta.entitlement_id for delta in report.deltas})
            if not owners.keys() >= {delta.entitlement_id for delta in report.deltas}:
                raise errors.forbidden(
                    "foreign_entitlement", "A delta of this report names an entitlement that is not of this region."
                )
            await _add(writing, report.deltas, owners, self._clock.now_ms())
        return True

    async def sums(
        self, principal: Operator | Administrator, sold: SoldEntitlement, start: int, end: int, width_minutes: int
    ) -> list[ServiceLevel]:
        """The buckets from `start` to before `end` in which the entitlement had requests. Times are Unix seconds."""
        async with self._reader.reading(principal) as reading:
            table = tables.service_level_minute
            bucket = table.c.minute // width_minutes
            sums = [func.sum(table.c[name]).label(name) for name in _COUNTERS]
            query = select(bucket.label("bucket"), *sums).where(*_span(table, sold, start, end))
            rows = await reading.all(query.group_by(bucket).order_by(bucket))
            first_tokens = await _first_tokens(reading, sold, start, end, width_minutes)
        return [
            ServiceLevel(
                number=int(row.bucket),
                first_tokens=first_tokens.get(int(row.bucket), {}),
                **{name: int(getattr(row, name)) for name in _COUNTERS},
            )
            for row in rows
        ]


async def _owners(reading: Reading, region: str, ids: set[str]) -> dict[str, str]:
    """By entitlement of the region, its organization. An entitlement that has ended counts too."""
    table, project = tables.entitlement, tables.project
    query = (
        select(table.c.id, table.c.organization_id)
        .join(project, project.c.id == table.c.project_id)
        .where(table.c.id.in_(ids), project.c.region == region)
    )
    return {row.id: row.organization_id for row in await reading.all(query)}


async def _add(writing: Writing, deltas: Iterable[ServiceLevelDelta], owners: dict[str, str], now_ms: int) -> None:
    """Adds the deltas to the counters of their minutes. A minute may arrive in several reports."""
    counters: dict[tuple[str, int], Counter[str]] = {}
    answers: Counter[tuple[str, int, int]] = Counter()
    for delta in deltas:
        place = (delta.entitlement_id, plausible_minute(delta.minute, now_ms))
        counters.setdefault(place, Counter()).update({name: getattr(delta, name) for name in _COUNTERS})
        for each in delta.first_tokens:
            answers[*place, each.bucket] += each.answers
    minutes = [
        {"organization_id": owners[entitlement_id], "entitlement_id": entitlement_id, "minute": minute}
        | {name: min(counted[name], MINUTE_MAX) for name in _COUNTERS}
        for (entitlement_id, minute), counted in counters.items()
    ]
    first_tokens = [
        {
            "organization_id": owners[entitlement_id],
            "entitlement_id": entitlement_id,
            "minute": minute,
            "bucket": bucket,
            "answers": min(count, MINUTE_MAX),
        }
        for (entitlement_id, minute, bucket), count in answers.items()
    ]
    await _add_rows(writing, tables.service_level_minute, minutes, _COUNTERS)
    await _add_rows(writing, tables.first_token_minute, first_tokens, ("answers",))


async def _add_rows(writing: Writing, table: Table, rows: list[dict[str, Any]], summed: Iterable[str]) -> None:
    if not rows:
        return
    statement = writing.insert_into(table)
    sums = {name: table.c[name] + statement.excluded[name] for name in summed}
    statement = statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key.columns],
        set_={name: case((sum_ > MINUTE_MAX, MINUTE_MAX), else_=sum_) for name, sum_ in sums.items()},
    )
    await writing.execute_many(statement, rows)


async def _first_tokens(
    reading: Reading, sold: SoldEntitlement, start: int, end: int, width_minutes: int
) -> dict[int, dict[int, int]]:
    """By bucket of time, the answers by bucket of the histogram."""
    table = tables.first_token_minute
    span = table.c.minute // width_minutes
    query = (
        select(span.label("span"), table.c.bucket, func.sum(table.c.answers).label("answers"))
        .where(*_span(table, sold, start, end))
        .group_by(span, table.c.bucket)
    )
    found: dict[int, dict[int, int]] = {}
    for row in await reading.all(query):
        found.setdefault(int(row.span), {})[row.bucket] = int(row.answers)
    return found


def _span(table: Table, sold: SoldEntitlement, start: int, end: int) -> tuple[Any, ...]:
    return (
        table.c.entitlement_id == sold.id,
        table.c.organization_id == sold.organization_id,
        table.c.minute >= start // 60,
        table.c.minute < -(-end // 60),
    )
