"""What a query may do, by its type: `Reading` reads; only `Writing` writes, and services get one only after an audit row."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Delete, Insert, Row, Select, Update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.persistence.database import Database


class Reading:
    """A consistent view of the database."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def first(self, query: Select[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]] | None:
        """The first row, or None."""
        return (await self._connection.execute(query)).first()

    async def all(self, query: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Every row."""
        return (await self._connection.execute(query)).all()


class Writing(Reading):
    """A transaction that may write."""

    async def execute(self, statement: Insert | Update | Delete) -> int:
        """Runs it and says how many rows it touched."""
        return (await self._connection.execute(statement)).rowcount


class Reader:
    """Read access to the database, and nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """A consistent view while the block runs."""
        async with self._database.reading() as connection:
            yield Reading(connection)
