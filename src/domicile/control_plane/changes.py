"""The only way to change data: audit row, then change, in one transaction; then publication to the regions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.control_plane.audit.repository import Event, insert_event
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.principals.principal import Actor
from domicile.control_plane.publication.publisher import Publisher
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database


class Change(Reading):
    """An open transaction that can read. `record` returns the value that can write."""

    def __init__(self, connection: AsyncConnection, actor: Actor, now_ms: int) -> None:
        super().__init__(connection)
        self._actor = actor
        self.now_ms = now_ms
        self.touched: dict[str, set[str]] = {}

    async def record(self, event: Event) -> Writing:
        """Writes the audit row. Returns the transaction with the right to write the change."""
        writing = Writing(self._connection)
        await insert_event(writing, self._actor, event, self.now_ms)
        return writing

    def publish_to(self, region: str, *touched: str) -> None:
        """Marks a region's snapshot as changed by this transaction.

        `touched`: ids of projects and organizations, where their own records or their keys' records change.
        """
        self.touched.setdefault(region, set()).update(touched)


class Changes:
    """Begins changes."""

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    @asynccontextmanager
    async def begin(self, actor: Actor) -> AsyncIterator[Change]:
        """One change. Commits when the block ends, then waits up to 1 s for the regions' acknowledgement."""
        async with self._database.transaction(rows_of=actor.rows_of) as connection:
            change = Change(connection, actor, self._clock.now_ms())
            yield change
        if change.touched:
            await self._publisher.publish(change.touched)
