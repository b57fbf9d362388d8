"""Keys and projects that the region's operator has blocked: at once, in this region only, whatever the snapshot says."""

import asyncio
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.tables import block
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

log = structlog.get_logger("blocks")

REFRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class BlockedSubject:
    """The id of a blocked key or project, and when it was blocked."""

    subject: str
    blocked_at_ms: int


class Blocks:
    """The region's blocks: in memory for the request path, in the database for restarts and other replicas."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._subjects: frozenset[str] = frozenset()
        self._unsaved: frozenset[str] = frozenset()
        self._changes = 0

    def cover(self, key_id: str, project_id: str) -> bool:
        """Whether the key or its project is blocked."""
        return key_id in self._subjects or project_id in self._subjects

    async def load(self) -> None:
        """Read the block list. Must succeed before the region serves: raises the database's errors."""
        changes = self._changes
        found = await self.list()
        if changes == self._changes:
            # If this replica changed a block during the read, the list may be outdated.
            self._subjects = frozenset(each.subject for each in found) | self._unsaved

    async def run(self) -> None:
        """Follow changes by other replicas once a second, until cancelled. If the database fails, the last list stays."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.load()
            except (SQLAlchemyError, OSError) as error:
                log.error("blocks_not_read", type=type(error).__name__)

    async def list(self) -> list[BlockedSubject]:
        """All blocks in the database, oldest first."""
        query = select(block).order_by(block.c.blocked_at_ms, block.c.subject)
        async with self._database.reading() as connection:
            return [BlockedSubject(row.subject, row.blocked_at_ms) for row in await connection.execute(query)]

    async def add(self, subject: str) -> BlockedSubject:
        """Block a key or project. Idempotent. In force before it is on disk: a full disk must not delay a block."""
        self._change(self._subjects | {subject}, self._unsaved | {subject})
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(block).where(block.c.subject == subject))).first()
            made = BlockedSubject(subject, self._clock.now_ms() if row is None else row.blocked_at_ms)
            if row is None:
                await connection.execute(insert(block).values(subject=subject, blocked_at_ms=made.blocked_at_ms))
        self._change(self._subjects, self._unsaved - {subject})
        if row is None:
            log.warning("blocked", subject=subject)
        return made

    async def remove(self, subject: str) -> bool:
        """Remove a block. Returns whether there was one. It stays in force until it is deleted from the database."""
        async with self._database.transaction() as connection:
            removed = (await connection.execute(delete(block).where(block.c.subject == subject))).rowcount > 0
        held = subject in self._subjects
        self._change(self._subjects - {subject}, self._unsaved - {subject})
        if removed:
            log.warning("unblocked", subject=subject)
        return removed or held

    def _change(self, subjects: frozenset[str], unsaved: frozenset[str]) -> None:
        self._subjects, self._unsaved = subjects, unsaved
        self._changes += 1
