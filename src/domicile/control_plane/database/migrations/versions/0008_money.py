"""Prices that have been in force, what projects have spent, spending limits and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0008_money"
down_revision = "0007_outside_services"

_OWNED = ("spending", "spend_limit", "spend_alert", "webhook_delivery")


def upgrade() -> None:
    op.create_table(
        "price",
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("model", "valid_from", name="pk_price"),
    )
    op.create_table(
        "spending",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("month", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("nanodollars", sa.BigInteger(), nullable=False),
        sa.Column("femtodollars", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_spending_organization_id"),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_spending_region"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_spending_project_id"),
        sa.PrimaryKeyConstraint("organization_id", "month", "region", "project_id", name="pk_spending"),
    )
    _spend_limit()
    _spend_alert()
    if op.get_bind().dialect.name == "postgresql":
        for table in _OWNED:
            _row_security(table)


def _spend_limit() -> None:
    op.create_table(
        "spend_limit",
        sa.Column("owner_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("owner_id = COALESCE(project_id, organization_id)", name=op.f("ck_spend_limit_owner_id")),
        sa.CheckConstraint("cents > 0", name=op.f("ck_spend_limit_cents")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_spend_limit_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["project.id", "project.organization_id"],
            name="fk_spend_limit_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("owner_id", name="pk_spend_limit"),
    )
    op.create_index("ix_spend_limit_organization_id", "spend_limit", ["organization_id"], unique=False)


def _spend_alert() -> None:
    op.create_table(
        "spend_alert",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("cents", sa.BigInteger(), nullable=False),
        sa.Column("recipients", sa.String(), nullable=False),
        sa.Column("subject_prefix", sa.String(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("reached_month", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("cents >= 0", name=op.f("ck_spend_alert_cents")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_spend_alert_organization_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["project.id", "project.organization_id"],
            name="fk_spend_alert_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_spend_alert"),
    )
    op.create_index(
        "ix_spend_alert_organization_id_created_at_ms_id",
        "spend_alert",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=False),
        sa.Column("nanodollars", sa.BigInteger(), nullable=False),
        sa.Column("reached_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_webhook_delivery_organization_id"),
        sa.ForeignKeyConstraint(["alert_id"], ["spend_alert.id"], name="fk_webhook_delivery_alert_id"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
    )
    op.create_index("ix_webhook_delivery_next_at_ms", "webhook_delivery", ["next_at_ms"], unique=False)


def _row_security(table: str) -> None:
    whose = "current_setting('domicile.organization', true)"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own_rows ON {table} USING (organization_id = {whose} OR {whose} = '*')")
