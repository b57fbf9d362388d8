"""Destructions of projects: ordered, in progress and finished."""

import sqlalchemy as sa
from alembic import op

revision = "0003_destruction"
down_revision = "0002_idempotency"


def upgrade() -> None:
    op.create_table(
        "destruction",
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("requested_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("due_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("destroyed_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_destruction_organization_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_destruction_project_id"),
        sa.PrimaryKeyConstraint("project_id", name="pk_destruction"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE destruction ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE destruction FORCE ROW LEVEL SECURITY")
        whose = "current_setting('domicile.organization', true)"
        op.execute(f"CREATE POLICY own_rows ON destruction USING (organization_id = {whose} OR {whose} = '*')")
