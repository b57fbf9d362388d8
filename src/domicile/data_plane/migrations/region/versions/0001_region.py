"""The region's identity and its last verified snapshot."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "region_identity",
        sa.Column("code", sa.String, primary_key=True),
        sa.Column("residency", sa.String, nullable=False),
        sa.Column("countries", sa.String, nullable=False),
        sa.Column("public_key", sa.LargeBinary, nullable=False),
        sa.Column("installation_id", sa.String),
        sa.Column("publisher_key_id", sa.String),
        sa.Column("publisher_key", sa.LargeBinary),
        sa.Column("enrolled_at_ms", sa.BigInteger),
    )
    op.create_table(
        "snapshot_manifest",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("manifest", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "snapshot_shard",
        sa.Column("sha256", sa.String, primary_key=True),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
