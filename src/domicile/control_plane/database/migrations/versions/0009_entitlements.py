"""Capacity that is bought for projects, what came of it, and what `service_tier: auto` means in a project."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0009_entitlements"
down_revision = "0008_money"

_PROJECT_STAYS = (
    "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id, external_key_id ON project "
    "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
    "OR NEW.external_key_id IS NOT OLD.external_key_id "
    "BEGIN SELECT RAISE(ABORT, 'a project never changes its region, organization or external key'); END"
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    recreate: Literal["always", "never"] = "always" if dialect == "sqlite" else "never"
    _entitlement()
    _service_levels()
    with op.batch_alter_table("project", recreate=recreate) as table:
        table.add_column(sa.Column("auto_tier", sa.String(), nullable=False, server_default="scale"))
        table.create_check_constraint(op.f("ck_project_auto_tier"), "auto_tier IN ('default', 'scale')")
    if dialect == "sqlite":
        # SQLite drops a table's triggers with the old table.
        op.execute(_PROJECT_STAYS)
    if dialect == "postgresql":
        for name in ("entitlement", "service_level_minute", "first_token_minute"):
            _row_security(name)


def _entitlement() -> None:
    op.create_table(
        "entitlement",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("models", sa.String(), nullable=False),
        sa.Column("input_units", sa.BigInteger(), nullable=False),
        sa.Column("output_units", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("input_unit_price", sa.BigInteger(), nullable=False),
        sa.Column("output_unit_price", sa.BigInteger(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["project.id", "project.organization_id"],
            name="fk_entitlement_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_entitlement"),
    )
    op.create_index(
        "ix_entitlement_organization_id_created_at_ms_id",
        "entitlement",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )
    op.create_index("ix_entitlement_project_id_until_ms", "entitlement", ["project_id", "until_ms"], unique=False)


def _service_levels() -> None:
    counters = ("requests", "failed", "input_tokens", "output_tokens", "streamed_tokens", "streaming_milliseconds")
    op.create_table(
        "service_level_minute",
        *_of_minute("service_level_minute"),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in counters),
        sa.PrimaryKeyConstraint("entitlement_id", "minute", name="pk_service_level_minute"),
    )
    op.create_table(
        "first_token_minute",
        *_of_minute("first_token_minute"),
        sa.Column("bucket", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("answers", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entitlement_id", "minute", "bucket", name="pk_first_token_minute"),
    )


def _of_minute(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("entitlement_id", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=f"fk_{table}_organization_id"),
        sa.ForeignKeyConstraint(["entitlement_id"], ["entitlement.id"], name=f"fk_{table}_entitlement_id"),
    )


def _row_security(table: str) -> None:
    whose = "current_setting('domicile.organization', true)"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} USING (organization_id = {whose} OR {whose} = '*')")
