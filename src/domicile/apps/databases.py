"""Opens a plane's database as it is configured, migrated to this program's schema."""

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from domicile.kernel.geography import Destination
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from domicile.settings.database import HasDatabase


async def open_database(
    settings: HasDatabase, file: Path, migrations: Path, *, destination: Destination | None = None
) -> Database:
    """The configured server's, or the SQLite file's where none is configured. The caller closes it.

    Raises OSError, which stops the start, when it cannot be used.
    """
    url = database_url(settings, file)
    try:
        await migrate(url, migrations, destination=destination)
    except SQLAlchemyError as error:
        reason = str(error).partition("\n")[0]
        raise OSError(f"cannot use the database {make_url(url).render_as_string()}: {reason}") from error
    return Database(url, destination=destination)


def database_url(settings: HasDatabase, file: Path) -> str:
    """The URL with the password, if there is a file that holds one. Raises OSError when it cannot be read."""
    if settings.database_url is None:
        return sqlite_url(file)
    if settings.database_password_file is None:
        return settings.database_url
    password = settings.database_password_file.read_text("utf-8").strip()
    return make_url(settings.database_url).set(password=password).render_as_string(hide_password=False)
