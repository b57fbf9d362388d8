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
    """Open the migrated database for the duration of the context.

    Raises OSError if it cannot be used, and `SettingsError` if its role escapes PostgreSQL's row-level security.
    """
    database = await open_database(settings.database, settings.data / "control.db", MIGRATIONS)
    try:
        await _require_row_security(database)
        yield database
    finally:
        await database.close()


async def _require_row_security(database: Database) -> None:
    """Raises `SettingsError` if the role escapes row-level security, PostgreSQL's own separation of organizations."""
    if await database.row_security_is_escaped():
        raise SettingsError(
            "the role of url in [control.database] is a superuser or has BYPASSRLS, so PostgreSQL would not keep "
            "organizations apart: give the control plane its own role without either (docs/databases.md)"
        )
