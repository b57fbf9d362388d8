"""How many processes of the region there are, so that each can take its share of a limit without a store."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.snapshot.table import CurrentSnapshot

log = structlog.get_logger("limits")

LOOK_EVERY_S = 2.0


class KnownReplicas:
    """The number that the region's shared database shows. Until that was read, the number in the snapshot.

    A process counts from its start to its orderly end, or until its heartbeat has stopped for ten seconds. The database knows
    within seconds; the snapshot counts a process that has ended for as long again, so it would make limits too low.
    """

    def __init__(self, snapshots: CurrentSnapshot, look: Callable[[], Awaitable[int]] | None) -> None:
        """`look`: counts the processes. None for a database file, which one process uses."""
        self._snapshots = snapshots
        self._look = look
        self._counted: int | None = 1 if look is None else None

    @property
    def count(self) -> int:
        """At least 1."""
        if self._counted is not None:
            return self._counted
        table = self._snapshots.table
        return max(1, 0 if table is None else table.replicas)

    @property
    def fraction(self) -> float:
        """The share of one process."""
        return 1 / self.count

    def batch_fraction(self, *, in_region: bool) -> float:
        """The share of one process that runs batches. `in_region`: whether the processes that serve the API do.

        Otherwise at least one of the processes serves the API, and the workers share what there is for batches.
        """
        return self.fraction if in_region else 1 / max(1, self.count - 1)

    async def look(self) -> None:
        """Count again. While the database is away the last number holds."""
        if self._look is None:
            return
        try:
            self._counted = max(1, await self._look())
        except (SQLAlchemyError, OSError) as error:
            log.warning("replicas_not_counted", type=type(error).__name__)

    async def run(self) -> None:
        """Count again every `LOOK_EVERY_S`, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)
