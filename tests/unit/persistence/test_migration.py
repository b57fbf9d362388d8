"""What the migrations make is what the tables say, for every database of a region."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, text
from sqlalchemy.exc import SQLAlchemyError

import domicile.data_plane
from domicile.data_plane.tables import metering_metadata, region_metadata
from domicile.persistence.database import sqlite_url
from domicile.persistence.migration import migrate

MIGRATIONS = Path(domicile.data_plane.__file__).parent / "migrations"
DATABASES = {"region": region_metadata, "metering": metering_metadata}


def differences(file: Path, name: str, metadata: MetaData) -> list[object]:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        options = {"version_table": f"alembic_version_{name}", "compare_type": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    return list(found)


@pytest.mark.parametrize("name", DATABASES)
async def test_the_migrations_make_the_tables(tmp_path: Path, name: str) -> None:
    file = tmp_path / "with %41 percent.db"
    await migrate(sqlite_url(file), MIGRATIONS / name)
    assert differences(file, name, DATABASES[name]) == []


@pytest.mark.parametrize("name", DATABASES)
async def test_a_difference_would_be_seen(tmp_path: Path, name: str) -> None:
    file = tmp_path / "test.db"
    await migrate(sqlite_url(file), MIGRATIONS / name)
    changed = MetaData()
    for number, table in enumerate(DATABASES[name].tables.values()):
        extra = [Column("added", Integer)] if number == 0 else []
        Table(table.name, changed, *(column._copy() for column in table.columns), *extra)
    assert "added" in str(differences(file, name, changed))


@pytest.mark.parametrize("name", DATABASES)
async def test_migrating_again_changes_nothing(tmp_path: Path, name: str) -> None:
    file = tmp_path / "test.db"
    await migrate(sqlite_url(file), MIGRATIONS / name)
    before = file.read_bytes()
    await migrate(sqlite_url(file), MIGRATIONS / name)
    assert file.read_bytes() == before


async def test_a_newer_schema_stops_an_older_program(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    await migrate(sqlite_url(file), MIGRATIONS / "region")
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version_region SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(Exception, match="9999"):
        await migrate(sqlite_url(file), MIGRATIONS / "region")


async def test_a_damaged_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    file.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(SQLAlchemyError):
        await migrate(sqlite_url(file), MIGRATIONS / "region")
