"""A plane's database: SQLite in the plane's own folder by default, or a PostgreSQL server that the configuration names."""

from pydantic import model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from domicile.settings.paths import ConfigPath
from domicile.settings.values import Country, SettingsBlock

_DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")


class DatabaseSettings(SettingsBlock):
    """A plane's database. Without `url`: SQLite files in the plane's `data` folder."""

    url: str | None = None
    """`postgresql+asyncpg://ROLE@HOST/NAME`, or `...@/NAME?host=FOLDER` for a Unix socket."""
    country: Country | None = None
    """The country of the database server. Required for every server, and checked against the plane's countries."""
    password_file: ConfigPath | None = None
    """The file with the role's password. The configuration itself never holds a secret."""

    @model_validator(mode="after")
    def _usable(self) -> "DatabaseSettings":
        if self.url is None:
            if self.country is not None or self.password_file is not None:
                raise ValueError("country and password_file belong to a url: name the database's url as well")
            return self
        try:
            url = make_url(self.url)
        except ArgumentError:
            raise ValueError("url is not a URL") from None
        if url.drivername not in _DRIVERS:
            raise ValueError(f"url must start with one of: {', '.join(f'{driver}:' for driver in _DRIVERS)}")
        if url.password is not None:
            raise ValueError("url must not hold the password: put it into the file of password_file")
        if url.drivername == "postgresql+asyncpg" and self.country is None:
            raise ValueError("a database server needs country: the country in which it stands")
        return self
