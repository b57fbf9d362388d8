"""The objects that calls with an idempotency key have made."""

import sqlalchemy as sa
from alembic import op

revision = "0002_idempotency"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "idempotency",
        sa.Column("scope_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("body_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(scope_sha256) = 32", name=op.f("ck_idempotency_scope_sha256")),
        sa.CheckConstraint("length(body_sha256) = 32", name=op.f("ck_idempotency_body_sha256")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_idempotency_organization_id"),
        sa.PrimaryKeyConstraint("scope_sha256", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_created_at_ms", "idempotency", ["created_at_ms"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE idempotency FORCE ROW LEVEL SECURITY")
        whose = "current_setting('domicile.organization', true)"
        op.execute(f"CREATE POLICY own_rows ON idempotency USING (organization_id = {whose} OR {whose} = '*')")
