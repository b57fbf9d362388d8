"""When admin keys were last used. Kept in memory and written each few seconds: a call that reads must not have to write."""

import asyncio

import structlog
from sqlalchemy import or_, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database

log = structlog.get_logger("keys")

WRITE_EVERY_S = 10.0


class AdminKeyUses:
    """The uses since the last write. A killed process forgets them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._used: dict[str, int] = {}

    def used(self, key_id: str) -> None:
        """Record that the key has been accepted now."""
        self._used[key_id] = self._clock.now_ms()

    async def run(self) -> None:
        """Write until cancelled. What cannot be written is dropped."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except Exception as error:
                log.warning("last_use_not_written", type=type(error).__name__)

    async def write(self) -> None:
        """Write the uses since the last call. Raises the database's errors."""
        used, self._used = self._used, {}
        if not used:
            return
        key = tables.admin_key
        async with self._database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            for key_id, at_ms in sorted(used.items()):
                earlier = or_(key.c.last_used_at_ms.is_(None), key.c.last_used_at_ms < at_ms)
                await connection.execute(update(key).where(key.c.id == key_id, earlier).values(last_used_at_ms=at_ms))
