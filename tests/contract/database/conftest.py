"""Both databases: a SQLite file, and a database of a real PostgreSQL server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url
from tests.component.control_plane.conftest import (
    NewDatabase,
    TakeAway,
    brief_acknowledgements,
    clock,
    platform,
    shared,
    start,
)
from tests.component.control_plane.platform_under_test import Platform
from tests.platform.postgresql import PostgresServer

from domicile.apps.control.storage import MIGRATIONS as CONTROL_MIGRATIONS
from domicile.apps.region.storage import MIGRATIONS as REGION_MIGRATIONS
from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.migration import migrate
from domicile.settings.database import DatabaseSettings

__all__ = ["brief_acknowledgements", "clock", "platform", "shared", "start"]

DATABASES = ("sqlite", "postgresql")
MIGRATIONS = {
    "control": CONTROL_MIGRATIONS,
    "region": REGION_MIGRATIONS / "region",
    "metering": REGION_MIGRATIONS / "metering",
}

NewUrl = Callable[[], str]
Open = Callable[..., Awaitable[Database]]


@pytest.fixture(params=DATABASES)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> NewUrl:
    """URLs of new, empty databases of one kind."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgresql")
        return server.database
    numbers = iter(range(100))
    return lambda: sqlite_url(tmp_path / f"{next(numbers)}.db")


@pytest.fixture
async def databases(new_url: NewUrl) -> AsyncIterator[Open]:
    """Opens databases with the tables of the schema that is named, several times the same one if its URL is given."""
    async with AsyncExitStack() as stack:

        async def opened(schema: str, url: str | None = None) -> Database:
            url = url or new_url()
            await migrate(url, MIGRATIONS[schema])
            database = Database(url)
            stack.push_async_callback(database.close)
            return database

        yield opened


@pytest.fixture(scope="session")
def new_database(postgresql: PostgresServer) -> NewDatabase:
    """For the control plane's own tests, which run here on PostgreSQL."""
    return lambda: DatabaseSettings(url=postgresql.database(), country="US")


@pytest.fixture
def take_away(postgresql: PostgresServer) -> TakeAway:
    """Takes a control plane's database away while the block runs: the server breaks its connections and takes none."""

    @asynccontextmanager
    async def away(platform: Platform) -> AsyncIterator[None]:
        name = make_url(platform.running.database.url).database
        postgresql.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        postgresql.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        try:
            yield
        finally:
            postgresql.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    return away
