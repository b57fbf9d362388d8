"""Where a plane keeps its rows: its own folder by default, a PostgreSQL server when the configuration names one."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from domicile.kernel.geography import country

_DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")


class HasDatabase(BaseModel):
    """What a plane's block says of its database. Without `database_url`: SQLite files in the plane's `data` folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    database_url: str | None = None
    """`postgresql+asyncpg://ROLE@HOST/NAME`, or `...@/NAME?host=FOLDER` for a Unix socket."""
    database_country: Annotated[str, AfterValidator(country)] | None = None
    """Where the database server stands. Demanded of every server, and held against the plane's countries."""
    database_password_file: Path | None = None
    """The role's password: secrets are named by reference, never written into the configuration."""

    @model_validator(mode="after")
    def _usable_database(self) -> "HasDatabase":
        if self.database_url is None:
            if self.database_country is not None or self.database_password_file is not None:
                raise ValueError("database_country and database_password_file belong to a database_url")
            return self
        try:
            url = make_url(self.database_url)
        except ArgumentError:
            raise ValueError("database_url is not a URL") from None
        if url.drivername not in _DRIVERS:
            raise ValueError(f"database_url starts with one of: {', '.join(f'{driver}:' for driver in _DRIVERS)}")
        if url.password is not None:
            raise ValueError("database_url must not hold the password: put it into the file of database_password_file")
        if url.drivername == "postgresql+asyncpg" and self.database_country is None:
            raise ValueError("a database server needs database_country: the country in which it stands")
        return self
