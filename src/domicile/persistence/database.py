"""One database: a writer of one connection, and readers.

On SQLite a single writing connection in WAL mode commits an order of magnitude faster than a pool, and BEGIN IMMEDIATE
makes a second process wait instead of failing with "database is locked" (measured; see docs/decisions).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{file}"


class Database:
    """Reading and writing connections to one database. A transaction is one request's whole change, or nothing."""

    def __init__(self, url: str) -> None:
        """`url` is SQLAlchemy's, with an asynchronous driver."""
        self.url = url
        self._is_sqlite = url.startswith("sqlite")
        if not self._is_sqlite:
            raise ValueError("only SQLite is supported by this version")
        self._writer = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=30)
        self._reader = create_async_engine(url, pool_size=4, max_overflow=0, pool_timeout=30)
        for engine, begin in ((self._writer, "BEGIN IMMEDIATE"), (self._reader, "BEGIN DEFERRED")):
            _configure_sqlite(engine, begin)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A writing transaction: committed when the block ends, rolled back when it raises."""
        async with self._writer.begin() as connection:
            yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view to read from."""
        async with self._reader.begin() as connection:
            yield connection

    async def close(self) -> None:
        """Closes every connection."""
        await self._writer.dispose()
        await self._reader.dispose()


def _configure_sqlite(engine: AsyncEngine, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: the line below does.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=10000",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)
