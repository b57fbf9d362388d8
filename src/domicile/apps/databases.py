"""Opens a plane's database as it is configured, migrated to this program's schema."""

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from domicile.kernel.geography import Destination
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from domicile.persistence.postgresql import Password
from domicile.settings.database import DatabaseSettings


async def open_database(
    settings: DatabaseSettings, file: Path, migrations: Path, *, destination: Destination | None = None
) -> Database:
    """The configured server's, or the SQLite file's where none is configured. The caller closes it.

    Raises OSError, which stops the start, when it cannot be used.
    """
    url, password = settings.url or sqlite_url(file), password_of(settings)
    try:
        await migrate(url, migrations, destination=destination, password=password)
    except SQLAlchemyError as error:
        reason = str(error).partition("\n")[0]
        raise OSError(f"cannot use the database {make_url(url).render_as_string()}: {reason}") from error
    return Database(url, destination=destination, password=password)


def password_of(settings: DatabaseSettings) -> Password | None:
    """Reads the password's file whenever a connection is made, which fails while it cannot be read. None without a file."""
    file = settings.password_file
    return None if file is None else lambda: file.read_text("utf-8").strip()
