"""The migrations make exactly the tables that the code uses."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from domicile.apps.control.storage import MIGRATIONS
from domicile.control_plane.database.tables import metadata
from domicile.persistence.database import sqlite_url
from domicile.persistence.migration import alembic_config, migrate


def _schema(engine: sa.Engine) -> dict[str, list[str]]:
    """Every table, index and trigger as SQLite keeps it: columns and constraints in one order, without white space.

    And without quotes, which SQLite puts around the name of a table that was renamed.
    """
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name != 'alembic_version'"
        ).all()
    return {
        name: sorted(part.strip(" ,)") for part in re.split(r"\n", re.sub(r"[ \t]+", " ", sql.replace('"', ""))))
        for name, sql in rows
    }


async def test_the_migrations_make_the_tables_of_the_code(tmp_path: Path) -> None:
    file = tmp_path / "migrated.db"
    await migrate(sqlite_url(file), MIGRATIONS)
    await migrate(sqlite_url(file), MIGRATIONS)
    migrated = sa.create_engine(f"sqlite:///{file}")
    created = sa.create_engine(f"sqlite:///{tmp_path / 'created.db'}")
    metadata.create_all(created)
    with migrated.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    # compare_metadata sees no CHECK constraint and no trigger; SQLite's own text has them.
    assert _schema(migrated) == _schema(created)
    assert "project_stays" in _schema(migrated)
    migrated.dispose()
    created.dispose()


def test_every_customers_row_names_its_organization() -> None:
    not_a_customers = {
        *("installation", "organization", "region", "enrollment_token", "root_key_taken", "publication"),
        *("received_report", "price"),
    }
    without = {table.name for table in metadata.tables.values() if "organization_id" not in table.c}
    assert without == not_a_customers


async def test_a_project_and_what_names_it_outlive_the_upgrade(tmp_path: Path) -> None:
    """SQLite makes the table of projects anew, and with it the trigger that keeps a project's region."""
    file = tmp_path / "old.db"
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(MIGRATIONS, connection), "0006_deleted_keys_and_grace")
        for statement in (
            "INSERT INTO organization VALUES ('org-a', 'A', 'modified_abuse_monitoring', 1)",
            "INSERT INTO region VALUES ('us', 'US_STORAGE', '[\"US\"]', zeroblob(32), 1)",
            "INSERT INTO project VALUES ('proj_a', 'org-a', 'a', 'us', 'none', 'archived', 1, 2)",
            "INSERT INTO destruction VALUES ('proj_a', 'org-a', 3, 4, 5, 6)",
            "INSERT INTO service_account VALUES ('svc_acct_a', 'org-a', 'proj_a', 'a', 'member', 1, NULL)",
        ):
            connection.exec_driver_sql(statement)
    await migrate(sqlite_url(file), MIGRATIONS)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
        (project,) = connection.exec_driver_sql("SELECT id, status, external_key_id FROM project").all()
        assert project == ("proj_a", "archived", None)
        (destruction,) = connection.exec_driver_sql("SELECT destroyed_at_ms, exports FROM destruction").all()
        assert destruction == (5, "[]")
        for column in ("region", "organization_id", "external_key_id"):
            with pytest.raises(sa.exc.IntegrityError, match="a project never changes"):
                connection.exec_driver_sql(f"UPDATE project SET {column} = 'other'")
    engine.dispose()
