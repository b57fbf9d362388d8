"""The root key that each region reports as trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0005_root_key_taken"
down_revision = "0004_usage_quantities"


def upgrade() -> None:
    op.create_table(
        "root_key_taken",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("taken_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_root_key_taken_region"),
        sa.PrimaryKeyConstraint("region", name="pk_root_key_taken"),
    )
