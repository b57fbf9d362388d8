"""Generated images behind links, as ciphertext, for an hour."""

import sqlalchemy as sa
from alembic import op

revision = "0003_image_links"
down_revision = "0002_snapshot_life"


def upgrade() -> None:
    op.create_table(
        "image_link",
        sa.Column("image_id", sa.String, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False, index=True),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    )
