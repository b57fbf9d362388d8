"""INSERT with ON CONFLICT. Both databases have it; SQLAlchemy offers it in each dialect's own statement."""

from typing import TypeAlias

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

ConflictInsert: TypeAlias = postgresql.Insert | sqlite.Insert


def insert_into(connection: AsyncConnection, table: Table) -> ConflictInsert:
    """An INSERT in the connection's dialect."""
    return insert_for(connection.dialect, table)


def insert_for(dialect: Dialect, table: Table) -> ConflictInsert:
    """An INSERT in the dialect."""
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
