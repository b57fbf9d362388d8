"""Brings a database to the newest schema with Alembic. Each plane keeps its own migrations beside its tables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, MetaData, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from domicile.kernel.geography import Destination
from domicile.persistence.postgresql import MIGRATION_LOCK, Password, connect_arguments, is_postgresql
from domicile.persistence.unavailable import DatabaseUnavailableError


def alembic_config(migrations: Path, connection: Connection) -> Config:
    """Alembic's configuration for a folder of migrations, to run through the connection."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def run_migrations(metadata: MetaData, **options: Any) -> None:
    """Runs the missing revisions, through the connection that `migrate` opened. Every `env.py` calls this."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate(
    url: str, migrations: Path, *, destination: Destination | None = None, password: Password | None = None
) -> None:
    """Upgrades to the newest revision. Raises the database's errors: a process with an old schema must not start.

    On PostgreSQL the upgrade is one transaction under a lock. Of replicas that start together, one migrates, and the others
    then find nothing to do.
    """
    arguments: Mapping[str, Any] = connect_arguments(url, destination, password) if is_postgresql(url) else {}
    engine = create_async_engine(url, poolclass=pool.NullPool, connect_args=dict(arguments))
    try:
        async with engine.connect() as connection:
            if is_postgresql(url):
                # The other replicas wait for the migration, however long it takes.
                await connection.execute(text("SET LOCAL lock_timeout = 0"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            await connection.run_sync(lambda each: command.upgrade(alembic_config(migrations, each), "head"))
            await connection.commit()
    except OSError as error:
        raise DatabaseUnavailableError(type(error).__name__) from error
    finally:
        await engine.dispose()
