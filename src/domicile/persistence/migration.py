"""Brings a database to the newest schema with Alembic. Each plane keeps its own migrations beside its tables."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(url: str, migrations: Path) -> Config:
    """Alembic's configuration for a database and a folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    # Alembic runs once at start, on the synchronous driver of the same database.
    config.set_main_option("sqlalchemy.url", url.replace("+aiosqlite", "").replace("%", "%%"))
    return config


async def migrate(url: str, migrations: Path) -> None:
    """Upgrades to the newest revision. Raises what the database raises: a process with an old schema must not start."""
    await asyncio.to_thread(command.upgrade, alembic_config(url, migrations), "head")
