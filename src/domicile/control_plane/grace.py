"""The grace period of a destruction, counted while the control plane runs: a clock jump must not destroy data.

A wall clock set a week ahead would otherwise destroy a project at once and for ever. So the grace period ends only when the
date has come *and* the same time has been counted, minute by minute, by a monotonic clock. Time without a running control
plane or database is not counted, so a destruction may come later than its date. It may be credited with at most one minute
from before its request.
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
    """Whether the grace period of a destruction's row is over, so that its region gets the tombstone."""
    table = tables.destruction
    return and_(table.c.due_at_ms <= now_ms, table.c.counted_ms >= GRACE_MS)


class GraceCounter:
    """Counts the grace period of all pending destructions. Run it in one process: two would count twice as fast."""

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
        """Adds the time since the last count. Time that the database fails to store is dropped.

        Added later, it would also count for destructions requested in the meantime.
        """
        now = self._monotonic()
        elapsed_ms = int((now - self._counted_until) * 1000)
        self._counted_until = now
        table = tables.destruction
        waiting = update(table).where(table.c.counted_ms < GRACE_MS)
        async with self._database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(waiting.values(counted_ms=table.c.counted_ms + elapsed_ms))
