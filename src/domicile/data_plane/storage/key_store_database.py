"""The key store of a region with several machines: a database of its own, not backed up together with the region's."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.key_store import DESTROYED, KeyStoreUnavailableError, added
from domicile.data_plane.tables import project_key
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_into


class DatabaseKeyStore:
    """A `KeyStore` in a database.

    PostgreSQL keeps an old row in its files until VACUUM, and in archived WAL (docs/storage.md).
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, project_id: str) -> bytes | None:
        """Return the wrapped key, or None where the project has none."""
        async with self._reading() as connection:
            return await _kept(connection, project_id) or None

    async def add(self, project_id: str, wrapped: bytes) -> bytes:
        """Keep the key unless the project has one. Return the one that it has now. Raises `ProjectDestroyedError`."""
        async with self._writing() as connection:
            row = insert_into(connection, project_key).values(project_id=project_id, wrapped=wrapped)
            await connection.execute(row.on_conflict_do_nothing())
            return added(await _kept(connection, project_id) or DESTROYED)

    async def replace(self, project_id: str, wrapped: bytes) -> None:
        """Keep the same key, wrapped anew. A project that has no key any more gets none."""
        async with self._writing() as connection:
            same = project_key.c.project_id == project_id, project_key.c.wrapped != DESTROYED
            await connection.execute(update(project_key).where(*same).values(wrapped=wrapped))

    async def delete(self, project_id: str) -> None:
        """Delete the key for ever. The project never gets another one."""
        async with self._writing() as connection:
            emptied = insert_into(connection, project_key).values(project_id=project_id, wrapped=DESTROYED)
            await connection.execute(
                emptied.on_conflict_do_update(index_elements=["project_id"], set_={"wrapped": DESTROYED})
            )

    async def projects(self) -> Sequence[str]:
        """Return the ids of all projects that have a key."""
        async with self._reading() as connection:
            query = select(project_key.c.project_id).where(project_key.c.wrapped != DESTROYED)
            return list((await connection.execute(query.order_by(project_key.c.project_id))).scalars())

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.reading() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise KeyStoreUnavailableError(type(error).__name__) from None

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.transaction() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            raise KeyStoreUnavailableError(type(error).__name__) from None


async def _kept(connection: AsyncConnection, project_id: str) -> bytes | None:
    """Empty for a destroyed project."""
    query = select(project_key.c.wrapped).where(project_key.c.project_id == project_id)
    return (await connection.execute(query)).scalar_one_or_none()
