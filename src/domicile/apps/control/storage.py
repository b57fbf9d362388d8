"""Opens the control plane's database."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import domicile.control_plane
from domicile.apps.databases import open_database
from domicile.persistence.database import Database
from domicile.settings.installation import ControlSettings
from domicile.settings.load import SettingsError

MIGRATIONS = Path(domicile.control_plane.__file__).parent / "database" / "migrations"


@contextlib.asynccontextmanager
async def storage(settings: ControlSettings) -> AsyncIterator[Database]:
    """The database while the block runs, migrated.

    Raises OSError when it cannot be used, and `SettingsError` when PostgreSQL would not keep organizations apart.
    """
    database = await open_database(settings.database, settings.data / "control.db", MIGRATIONS)
    try:
        await _require_row_security(database)
        yield database
    finally:
        await database.close()


async def _require_row_security(database: Database) -> None:
    """Keeping organizations apart is never left to the code alone where the database can check it as well."""
    if await database.row_security_is_escaped():
        raise SettingsError(
            "the role of url in [control.database] is a superuser or has BYPASSRLS, so PostgreSQL would not keep "
            "organizations apart: give the control plane a role of its own that has neither (docs/databases.md)"
        )
