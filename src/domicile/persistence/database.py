"""One database, SQLite or PostgreSQL by its URL: one writing transaction at a time, and consistent views to read from."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import BigInteger, ColumnElement, cast, func, literal
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domicile.kernel.geography import Destination
from domicile.persistence.postgresql import (
    Password,
    begin_reading,
    begin_writing,
    is_postgresql,
    postgresql_engines,
    role_escapes_row_security,
)
from domicile.persistence.sqlite import sqlite_engines, sqlite_url
from domicile.persistence.unavailable import DatabaseUnavailableError, is_unavailable

__all__ = ["Database", "sqlite_url"]


class Database:
    """Reading and writing connections to one database. A transaction makes all changes of one request, or none.

    While the database cannot work, every use of it raises `DatabaseUnavailableError`.
    """

    def __init__(self, url: str, *, destination: Destination | None = None, password: Password | None = None) -> None:
        """`url` is SQLAlchemy's, for aiosqlite or asyncpg; others raise ValueError. `destination`: the PostgreSQL server."""
        self.url = url
        self._is_postgresql = is_postgresql(url)
        if self._is_postgresql:
            self._writer, self._reader = postgresql_engines(url, destination, password)
        elif url.startswith("sqlite+aiosqlite:"):
            self._writer, self._reader = sqlite_engines(url)
        else:
            raise ValueError("a database URL starts with sqlite+aiosqlite: or postgresql+asyncpg:")

    @property
    def is_shared(self) -> bool:
        """Whether several processes, also on several machines, may use the database at the same time."""
        return self._is_postgresql

    def time_ms(self, now_ms: int) -> ColumnElement[int]:
        """The time for statements that several processes compare: the server's, since their machines' clocks differ.

        A database file has no clock of its own: there it is `now_ms`.
        """
        if not self._is_postgresql:
            return literal(now_ms, BigInteger)
        return cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger)

    @asynccontextmanager
    async def transaction(self, *, rows_of: str | None = None) -> AsyncIterator[AsyncConnection]:
        """A writing transaction: committed when the block ends, rolled back when it raises.

        Only one such transaction of a database runs at a time, so what it has read still holds when it writes. `rows_of`: the
        organization whose rows row-level security shows, or "*" for all (PostgreSQL only).
        """
        async with self._begin(self._writer) as connection:
            if self._is_postgresql:
                await begin_writing(connection, alone=True, rows_of=rows_of)
            yield connection

    @asynccontextmanager
    async def appending(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction whose writes do not depend on what it reads, so that others may run beside it."""
        async with self._begin(self._writer) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self, *, rows_of: str | None = None) -> AsyncIterator[AsyncConnection]:
        """A consistent view to read from. `rows_of` as for `transaction`."""
        async with self._begin(self._reader) as connection:
            if self._is_postgresql:
                await begin_reading(connection, rows_of=rows_of)
            yield connection

    async def row_security_is_escaped(self) -> bool:
        """Whether the server ignores its row policies for our role. False on SQLite, which has no policies."""
        if not self._is_postgresql:
            return False
        async with self._begin(self._reader) as connection:
            return await role_escapes_row_security(connection)

    async def close(self) -> None:
        """Closes every connection."""
        await self._writer.dispose()
        await self._reader.dispose()

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await engine.connect()
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseUnavailableError(type(error).__name__) from error
        try:
            async with connection.begin():
                yield connection
        except SQLAlchemyError as error:
            writing = engine is self._writer
            if isinstance(error, DatabaseUnavailableError) or not is_unavailable(error, writing=writing):
                raise
            raise DatabaseUnavailableError(type(error).__name__) from error
        finally:
            await connection.close()
