"""Sealed objects: what is in the object store, under which key."""

import sqlalchemy as sa
from alembic import op

revision = "0004_stored_objects"
down_revision = "0003_image_links"


def upgrade() -> None:
    op.create_table(
        "stored_object",
        sa.Column("object_id", sa.String, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False, index=True),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
        sa.Column("changed_at_ms", sa.BigInteger, nullable=False),
    )
