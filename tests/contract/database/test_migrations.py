"""What the migrations make is what the tables say, on both databases, whoever else is migrating."""

import asyncio

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import create_async_engine
from tests.contract.database.conftest import MIGRATIONS, NewUrl
from tests.platform.postgresql import PostgresServer

from domicile.control_plane.database.tables import metadata as control_metadata
from domicile.data_plane.tables import metering_metadata, region_metadata
from domicile.persistence.migration import alembic_config, migrate

METADATA = {"control": control_metadata, "region": region_metadata, "metering": metering_metadata}
VERSION_TABLES = {
    "control": "alembic_version",
    "region": "alembic_version_region",
    "metering": "alembic_version_metering",
}

# What Alembic does not compare: checks, keys, triggers and policies, each as PostgreSQL itself writes it down.
CATALOGUE = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'alembic_version%'",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT tablename, policyname, permissive || cmd || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies",
    "SELECT relname, relrowsecurity::text, relforcerowsecurity::text FROM pg_class "
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT LIKE 'alembic_version%'",
)


def differences(connection: Connection, schema: str) -> list[object]:
    names = set(METADATA[schema].tables)
    options = {
        "version_table": VERSION_TABLES[schema],
        "compare_type": True,
        "include_object": lambda _each, name, kind, _reflected, _compared: kind != "table" or name in names,
    }
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA[schema]))


@pytest.mark.parametrize("schema", MIGRATIONS)
async def test_the_migrations_make_the_tables(new_url: NewUrl, schema: str) -> None:
    url = new_url()
    await migrate(url, MIGRATIONS[schema])
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, schema) == []
    await engine.dispose()


async def catalogue(url: str, *, create: MetaData | None = None) -> list[list[tuple[str, ...]]]:
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        if create is not None:
            await connection.run_sync(create.create_all)
        found = [sorted(tuple(row) for row in await connection.execute(text(query))) for query in CATALOGUE]
    await engine.dispose()
    return found


@pytest.mark.parametrize("schema", MIGRATIONS)
async def test_with_the_same_constraints_triggers_and_policies(postgresql: PostgresServer, schema: str) -> None:
    migrated, created = postgresql.database(), postgresql.database()
    await migrate(migrated, MIGRATIONS[schema])
    made = await catalogue(migrated)
    assert made == await catalogue(created, create=METADATA[schema])
    constraints, triggers, policies, tables = made
    assert constraints
    assert tables
    if schema == "control":
        assert [name for _, name, _ in triggers] == ["project_stays"]
        owned = {name for name, enabled, forced in tables if (enabled, forced) == ("true", "true")}
        assert owned == {name for name, _, _ in policies}
        # Every table that says whose a row is, and the organizations themselves.
        has_owner = {table.name for table in control_metadata.tables.values() if "organization_id" in table.c}
        assert owned == has_owner | {"organization"}


async def test_replicas_that_start_together_migrate_once(postgresql: PostgresServer) -> None:
    url = postgresql.database()
    await asyncio.gather(*(migrate(url, MIGRATIONS[schema]) for schema in (*MIGRATIONS, *MIGRATIONS, *MIGRATIONS)))
    engine = create_async_engine(url)
    async with engine.connect() as connection:
        for schema in MIGRATIONS:
            assert await connection.run_sync(differences, schema) == []
            versions = (await connection.execute(text(f"SELECT * FROM {VERSION_TABLES[schema]}"))).all()
            assert len(versions) == 1
    await engine.dispose()


@pytest.mark.parametrize("schema", ["region", "metering"])
async def test_a_migration_that_fails_leaves_nothing(postgresql: PostgresServer, schema: str) -> None:
    url = postgresql.database()
    last = list(METADATA[schema].sorted_tables)[-1].name
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.execute(text(f"CREATE TABLE {last} (id INTEGER)"))
    with pytest.raises(Exception, match="already exists"):
        await migrate(url, MIGRATIONS[schema])
    async with engine.connect() as connection:
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert [row[0] for row in await connection.execute(text(tables))] == [last]
    await engine.dispose()


async def test_usage_of_before_there_were_other_quantities_is_kept(new_url: NewUrl) -> None:
    url = new_url()
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(
            lambda each: command.upgrade(alembic_config(MIGRATIONS["control"], each), "0003_destruction")
        )
    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT set_config('domicile.organization', '*', true)"))
            # The row alone matters here, not all that it would have to belong to.
            for column in ("key_id", "organization_id", "project_id", "region"):
                await connection.execute(text(f"ALTER TABLE usage_minute DROP CONSTRAINT fk_usage_minute_{column}"))
        await connection.execute(
            text(
                "INSERT INTO usage_minute VALUES ('org-1', 7, 'eu', 'proj_1', 'key_1', 'gpt-4-0613', '', "
                "'/v1/chat/completions', 'default', false, 3, 10, 4, 5, 2)"
            )
        )
    await migrate(url, MIGRATIONS["control"])
    async with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("SELECT set_config('domicile.organization', '*', true)"))
        row = (await connection.execute(text("SELECT * FROM usage_minute"))).one()._asdict()
    assert (row["organization_id"], row["minute"], row["requests"], row["input_tokens"]) == ("org-1", 7, 3, 10)
    assert row["output_reasoning_tokens"] == 2
    assert (row["image_size"], row["characters"], row["audio_milliseconds"], row["images"]) == ("", 0, 0, 0)
    await engine.dispose()
