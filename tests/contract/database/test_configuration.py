"""How a plane finds its database: by its settings, with the password from a file and the country declared."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from tests.component.control_plane.platform_under_test import settings
from tests.contract.database.conftest import MIGRATIONS
from tests.platform.postgresql import PostgresServer
from tests.unit.data_plane.region_parts import region_settings

from domicile.apps.databases import open_database
from domicile.persistence.unavailable import DatabaseUnavailableError
from domicile.settings.database import DatabaseSettings

SERVER = "postgresql+asyncpg://domicile@db.example.com/eu"


async def test_without_a_url_it_is_a_file(tmp_path: Path) -> None:
    database = await open_database(DatabaseSettings(), tmp_path / "x.db", MIGRATIONS["region"])
    assert database.url == f"sqlite+aiosqlite:///{tmp_path}/x.db"
    await database.close()


async def test_the_password_comes_from_its_file_and_is_replaced_without_a_restart(
    tmp_path: Path, postgresql: PostgresServer
) -> None:
    file = tmp_path / "password"
    file.write_text("p@ss/word\n")
    postgresql.role_with_password("guarded", "p@ss/word")
    url = postgresql.database(role="guarded")
    chosen = DatabaseSettings(url=url, country="DE", password_file=file)
    database = await open_database(chosen, tmp_path / "x.db", MIGRATIONS["region"])
    for shown in (repr(chosen), database.url):
        assert "p@ss" not in shown and "p%40ss" not in shown

    async def answers() -> int:
        # Only a new connection shows its password.
        postgresql.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'guarded'")
        async with database.reading() as connection:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())

    assert await answers() == 1
    postgresql.sql("ALTER ROLE guarded PASSWORD 'another'")
    with pytest.raises(DatabaseUnavailableError) as raised:
        await answers()
    assert "p@ss" not in str(raised.value)
    file.write_text("another\n")
    assert await answers() == 1
    await database.close()


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"url": SERVER}, "needs country"),
        ({"url": SERVER, "country": "XX"}, "not an ISO 3166-1"),
        ({"url": SERVER.replace("domicile@", "domicile:secret@")}, "must not hold the password"),
        ({"url": "postgresql://h/d", "country": "DE"}, "url must start with one of"),
        ({"url": "nonsense"}, "is not a URL"),
        ({"country": "DE"}, "belong to a url"),
    ],
)
def test_what_cannot_be_meant_is_refused(members: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        DatabaseSettings(**members)
    assert "domicile:secret" not in "".join(error["msg"] for error in caught.value.errors())


def test_a_database_outside_the_region_stops_the_start(tmp_path: Path) -> None:
    assert region_settings(tmp_path, database={"url": SERVER, "country": "CH"}).database.country == "CH"
    with pytest.raises(ValidationError, match="the database stands in US"):
        region_settings(tmp_path, database={"url": SERVER, "country": "US"})
    with pytest.raises(ValidationError, match="database stands in DE, outside its home 'us'"):
        settings(tmp_path, database={"url": SERVER, "country": "DE"})


async def test_a_database_that_cannot_be_used_says_which_and_why(tmp_path: Path, postgresql: PostgresServer) -> None:
    for url, reason in (
        (postgresql.url("no_such_database"), '"no_such_database" does not exist'),
        ("postgresql+asyncpg://domicile@127.0.0.1:9/eu", "127.0.0.1:9/eu: ConnectionRefusedError"),
    ):
        with pytest.raises(OSError, match=reason):
            await open_database(DatabaseSettings(url=url, country="DE"), tmp_path / "x.db", MIGRATIONS["region"])
