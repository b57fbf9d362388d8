"""SQLite: one writing connection in WAL mode, which commits an order of magnitude faster than a pool.

BEGIN IMMEDIATE makes a second process wait instead of failing with "database is locked" (measured; see docs/decisions).
"""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def sqlite_url(file: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite+aiosqlite:///{file}"


def sqlite_engines(url: str) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for writing, with one connection, and one for reading, with up to four."""
    writer = create_async_engine(url, hide_parameters=True, pool_size=1, max_overflow=0, pool_timeout=30)
    reader = create_async_engine(url, hide_parameters=True, pool_size=4, max_overflow=0, pool_timeout=30)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN DEFERRED")):
        _configure(engine, begin)
    return writer, reader


def _configure(engine: AsyncEngine, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def connect(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: `begin_transaction` does.
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
