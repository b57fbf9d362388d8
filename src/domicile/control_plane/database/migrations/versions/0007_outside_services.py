"""Customers' own keys and buckets, rate limits of projects, and the exports that a destruction's region reports."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import op

revision = "0007_outside_services"
down_revision = "0006_deleted_keys_and_grace"

_OUTCOMES = "outcome IN ('usable', 'refused', 'unreachable', 'not_offered')"

_PROJECT_STAYS = {
    "sqlite": (
        "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id, external_key_id ON project "
        "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
        "OR NEW.external_key_id IS NOT OLD.external_key_id "
        "BEGIN SELECT RAISE(ABORT, 'a project never changes its region, organization or external key'); END",
    ),
    "postgresql": (
        "DROP TRIGGER project_stays ON project",
        "CREATE OR REPLACE FUNCTION project_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a project never changes its region, organization or external key' "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER project_stays BEFORE UPDATE ON project FOR EACH ROW "
        "WHEN (NEW.region IS DISTINCT FROM OLD.region OR NEW.organization_id IS DISTINCT FROM OLD.organization_id "
        "OR NEW.external_key_id IS DISTINCT FROM OLD.external_key_id) EXECUTE FUNCTION project_stays()",
    ),
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    recreate: Literal["always", "never"] = "always" if dialect == "sqlite" else "never"
    _external_key()
    with op.batch_alter_table("project", recreate=recreate) as table:
        table.add_column(sa.Column("external_key_id", sa.String(), nullable=True))
        table.add_column(sa.Column("rate_limits", sa.String(), nullable=False, server_default="[]"))
        table.create_foreign_key(
            "fk_project_external_key_id_organization_id_region",
            "external_key",
            ["external_key_id", "organization_id", "region"],
            ["id", "organization_id", "region"],
        )
        table.create_index("ix_project_external_key_id", ["external_key_id"], unique=False)
    # SQLite drops a table's triggers with the old table.
    for statement in _PROJECT_STAYS[dialect]:
        op.execute(statement)
    _external_storage()
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.add_column(sa.Column("exports", sa.String(), nullable=False, server_default="[]"))
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.alter_column("exports", server_default=None)
    if dialect == "postgresql":
        _row_security("external_key")
        _row_security("external_storage")


def _external_key() -> None:
    op.create_table(
        "external_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("kms_arn", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        *_check_columns(),
        sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(_OUTCOMES, name=op.f("ck_external_key_outcome")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_external_key_organization_id"),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_external_key_region"),
        sa.PrimaryKeyConstraint("id", name="pk_external_key"),
        sa.UniqueConstraint("id", "organization_id", "region", name="uq_external_key_id_organization_id_region"),
    )
    op.create_index(
        "ix_external_key_organization_id_created_at_ms_id",
        "external_key",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )
    op.create_index("ix_external_key_region", "external_key", ["region"], unique=False)


def _external_storage() -> None:
    op.create_table(
        "external_storage",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("signing_region", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        *_check_columns(),
        sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(_OUTCOMES, name=op.f("ck_external_storage_outcome")),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["project.id", "project.organization_id"],
            name="fk_external_storage_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_external_storage"),
        sa.UniqueConstraint("project_id", name="uq_external_storage_project_id"),
    )
    op.create_index(
        "ix_external_storage_organization_id_created_at_ms_id",
        "external_storage",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )


def _check_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("check_number", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("checked_at_ms", sa.BigInteger(), nullable=True),
    )


def _row_security(table: str) -> None:
    whose = "current_setting('domicile.organization', true)"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} USING (organization_id = {whose} OR {whose} = '*')")
