"""Destroys a project's data when a snapshot has a tombstone for it, and for no other reason.

A project that is only absent from a snapshot is disabled and keeps its data. So an empty or lost snapshot destroys nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.tables import destroyed_project
from domicile.kernel.clock import Clock
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.persistence.database import Database

log = structlog.get_logger("destruction")

RETRY_S = 5.0

Destroyer = Callable[[str], Awaitable[None]]
"""Destroys one kind of a project's data, by the project's id. After an error it is called again, so it must be idempotent."""

Report = Callable[[str], Awaitable[None]]
"""Reports a project's destruction to the audit log. Returns once the report is on disk."""


class Destruction:
    """Runs all destroyers for each project with a tombstone, then reports it. The ledger stays: it holds no content."""

    def __init__(self, database: Database, clock: Clock, destroyers: Sequence[Destroyer], report: Report) -> None:
        self._database = database
        self._clock = clock
        self._destroyers = tuple(destroyers)
        self._report = report
        self._tombstones: frozenset[str] = frozenset()
        self._news = asyncio.Event()

    def notice(self, table: SnapshotTable) -> None:
        """Take the tombstones of a snapshot that has come into force."""
        self._tombstones = frozenset(table.tombstones)
        self._news.set()

    async def run(self) -> None:
        """Destroy projects with tombstones until cancelled. After an error, retry every `RETRY_S` seconds."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.destroy_pending()
            except (SQLAlchemyError, DependencyUnavailableError, OSError) as error:
                log.error("not_destroyed_yet", type=type(error).__name__)
                await asyncio.sleep(RETRY_S)
                self._news.set()

    async def destroy_pending(self) -> None:
        """Destroy each project with a tombstone that is not recorded as destroyed. An interrupted project starts over."""
        if not self._tombstones:
            return
        for project_id in sorted(self._tombstones - await self._destroyed()):
            for destroy in self._destroyers:
                await destroy(project_id)
            await self._report(project_id)
            await self._record(project_id)
            log.warning("project_destroyed", project_id=project_id)

    async def _destroyed(self) -> set[str]:
        async with self._database.reading() as connection:
            return set((await connection.execute(select(destroyed_project.c.project_id))).scalars())

    async def _record(self, project_id: str) -> None:
        table = destroyed_project
        async with self._database.transaction() as connection:
            same = select(table.c.project_id).where(table.c.project_id == project_id)
            if (await connection.execute(same)).first() is None:
                # Another replica of this region may have recorded it already.
                await connection.execute(
                    insert(table).values(project_id=project_id, destroyed_at_ms=self._clock.now_ms())
                )
