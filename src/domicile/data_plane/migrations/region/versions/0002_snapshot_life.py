"""The root key and its certificates, local blocks, and destroyed projects."""

import sqlalchemy as sa
from alembic import op

revision = "0002_snapshot_life"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("region_identity", sa.Column("root_key", sa.LargeBinary))
    op.add_column("region_identity", sa.Column("publisher_serial", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("snapshot_manifest", sa.Column("serial", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("snapshot_manifest", sa.Column("certificate", sa.LargeBinary))
    op.create_table(
        "block",
        sa.Column("subject", sa.String, primary_key=True),
        sa.Column("blocked_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "destroyed_project",
        sa.Column("project_id", sa.String, primary_key=True),
        sa.Column("destroyed_at_ms", sa.BigInteger, nullable=False),
    )
