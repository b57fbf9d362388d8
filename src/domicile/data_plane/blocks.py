"""Keys and projects that the region's own operator has shut out: at once, in the region alone, whatever a snapshot says."""

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
class Block:
    """A key's or a project's id, and since when."""

    subject: str
    blocked_at_ms: int


class Blocks:
    """In memory for the request path, in the region's database for restarts and for the other replicas."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._subjects: frozenset[str] = frozenset()
        self._unsaved: frozenset[str] = frozenset()
        self._changes = 0

    def cover(self, key_id: str, project_id: str) -> bool:
        """Whether a key is shut out, itself or with its project."""
        return key_id in self._subjects or project_id in self._subjects

    async def load(self) -> None:
        """Before the first request. Raises what the database raises: nobody is let in on the strength of an unread list."""
        changes = self._changes
        found = await self.list()
        if changes == self._changes:
            # Else the list is from before a change that was made here meanwhile.
            self._subjects = frozenset(each.subject for each in found) | self._unsaved

    async def run(self) -> None:
        """Takes over, once a second, what was blocked or unblocked at another replica. The last list that was read stays."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await self.load()
            except (SQLAlchemyError, OSError) as error:
                log.error("blocks_not_read", type=type(error).__name__)

    async def list(self) -> list[Block]:
        """Every block, the oldest first."""
        query = select(block).order_by(block.c.blocked_at_ms, block.c.subject)
        async with self._database.reading() as connection:
            return [Block(row.subject, row.blocked_at_ms) for row in await connection.execute(query)]

    async def add(self, subject: str) -> Block:
        """From now on, in memory before it is on disk: a full disk must not let anybody in. Twice is as good as once."""
        self._change(self._subjects | {subject}, self._unsaved | {subject})
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(block).where(block.c.subject == subject))).first()
            made = Block(subject, self._clock.now_ms() if row is None else row.blocked_at_ms)
            if row is None:
                await connection.execute(insert(block).values(subject=subject, blocked_at_ms=made.blocked_at_ms))
        self._change(self._subjects, self._unsaved - {subject})
        if row is None:
            log.warning("blocked", subject=subject)
        return made

    async def remove(self, subject: str) -> bool:
        """Whether there was a block. It holds until the database has forgotten it."""
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
