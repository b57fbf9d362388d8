"""Opens the configured database of a plane and migrates it to this program's schema."""

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
    """Open the configured PostgreSQL database, or the SQLite `file` if none is configured. The caller closes it.

    `destination`: the checked egress for a database server; None for the control plane or a file. Raises OSError, which stops
    the start, if the database cannot be used.
    """
    url, password = settings.url or sqlite_url(file), password_of(settings)
    try:
        await migrate(url, migrations, destination=destination, password=password)
    except SQLAlchemyError as error:
        reason = str(error).partition("\n")[0]
        raise OSError(f"cannot use the database {make_url(url).render_as_string()}: {reason}") from error
    return Database(url, destination=destination, password=password)


def password_of(settings: DatabaseSettings) -> Password | None:
    """A function that reads the password file for each new connection. None if no file is configured.

    A connection fails while the file cannot be read.
    """
    file = settings.password_file
    return None if file is None else lambda: file.read_text("utf-8").strip()
