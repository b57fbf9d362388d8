"""Transactions by type: `Reading` reads, and only `Writing` writes. Services get a `Writing` only after an audit row."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

from sqlalchemy import Delete, Insert, Row, Select, Table, Update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.persistence.database import Database
from domicile.persistence.inserting import ConflictInsert, insert_into


class Principal(Protocol):
    """The principal of a transaction. The database itself shows an administrator the rows of one organization only."""

    @property
    def rows_of(self) -> str:
        """An organization's id, or `EVERY_ORGANIZATION`."""
        ...


class Platform:
    """The control plane's own work: authentication and publication."""

    rows_of = EVERY_ORGANIZATION


class Reading:
    """A consistent view of the database, to read from."""

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

    def insert_into(self, table: Table) -> ConflictInsert:
        """An INSERT with an ON CONFLICT clause: what to do when the row exists."""
        return insert_into(self._connection, table)

    async def execute(self, statement: Insert | Update | Delete) -> int:
        """Runs the statement. Returns the number of rows it changed."""
        return (await self._connection.execute(statement)).rowcount

    async def execute_many(self, statement: Insert, rows: Sequence[dict[str, Any]]) -> None:
        """Runs one statement for all rows, in one batch of the driver."""
        await self._connection.execute(statement, rows)


class Reader:
    """Read access to the database, and nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def reading(self, principal: Principal) -> AsyncIterator[Reading]:
        """A consistent view of the principal's rows while the block runs."""
        async with self._database.reading(rows_of=principal.rows_of) as connection:
            yield Reading(connection)
