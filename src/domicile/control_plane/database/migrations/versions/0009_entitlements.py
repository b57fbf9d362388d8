"""Capacity that is bought for projects, and what `service_tier: auto` means in a project."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0009_entitlements"
down_revision = "0007_outside_services"

_PROJECT_STAYS = (
    "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id, external_key_id ON project "
    "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
    "OR NEW.external_key_id IS NOT OLD.external_key_id "
    "BEGIN SELECT RAISE(ABORT, 'a project never changes its region, organization or external key'); END"
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    recreate: Literal["always", "never"] = "always" if dialect == "sqlite" else "never"
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
    with op.batch_alter_table("project", recreate=recreate) as table:
        table.add_column(sa.Column("auto_tier", sa.String(), nullable=False, server_default="scale"))
        table.create_check_constraint(op.f("ck_project_auto_tier"), "auto_tier IN ('default', 'scale')")
    if dialect == "sqlite":
        # SQLite drops a table's triggers with the old table.
        op.execute(_PROJECT_STAYS)
    if dialect == "postgresql":
        whose = "current_setting('domicile.organization', true)"
        op.execute("ALTER TABLE entitlement ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE entitlement FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON entitlement USING (organization_id = {whose} OR {whose} = '*')")
