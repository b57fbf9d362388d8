"""The grace of a destruction, counted while the control plane runs: a clock that jumps must not cost a customer's data.

A wall clock that was set a week ahead would otherwise destroy at once what can never be had back. So the grace is over
only when the date has come *and* this much time has been counted, minute by minute, by a clock that cannot be set. Time
during which no control plane runs, or its database is away, is not counted: a destruction may come later than its date, and
is credited with a minute at most that was not its own.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from sqlalchemy import ColumnElement, and_, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.persistence.database import Database

log = structlog.get_logger("grace")

GRACE_MS = 7 * 24 * 3_600_000
COUNT_EVERY_S = 60.0


def is_over(now_ms: int) -> ColumnElement[bool]:
    """Whether the region of a destruction's row is to be told."""
    table = tables.destruction
    return and_(table.c.due_at_ms <= now_ms, table.c.counted_ms >= GRACE_MS)


class GraceCounter:
    """Counts for every destruction that waits. One process counts: two would count twice as fast."""

    def __init__(self, database: Database, monotonic: Callable[[], float] = time.monotonic) -> None:
        """`monotonic`: seconds of a clock that only goes forward."""
        self._database = database
        self._monotonic = monotonic
        self._counted_until = monotonic()

    async def run(self) -> None:
        """Counts until it is cancelled."""
        while True:
            await asyncio.sleep(COUNT_EVERY_S)
            try:
                await self.count()
            except Exception as error:
                log.error("grace_not_counted", type=type(error).__name__)

    async def count(self) -> None:
        """Adds the time since the last count. What a failing database keeps from being written is lost.

        Counted later, it would be counted for a destruction as well that was asked for in between.
        """
        now = self._monotonic()
        elapsed_ms = int((now - self._counted_until) * 1000)
        self._counted_until = now
        table = tables.destruction
        waiting = update(table).where(table.c.counted_ms < GRACE_MS)
        async with self._database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(waiting.values(counted_ms=table.c.counted_ms + elapsed_ms))
