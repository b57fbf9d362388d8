"""Files, the objects that hold their content, and uploads in parts."""

import sqlalchemy as sa
from alembic import op

revision = "0005_files"
down_revision = "0004_stored_objects"


def upgrade() -> None:
    op.create_table(
        "file",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, index=True),
        sa.Column("sealed_name", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_file_project_created", "file", ["project_id", "created_at_ms", "id"])
    op.create_index("ix_file_project_size", "file", ["project_id", "size_bytes"])
    op.create_table(
        "file_part",
        sa.Column("file_id", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("object_id", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "upload",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False, index=True),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("purpose", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("lifetime_s", sa.BigInteger),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("sealed_name", sa.LargeBinary, nullable=False),
        sa.Column("file_id", sa.String),
    )
    op.create_table(
        "upload_part",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("upload_id", sa.String, nullable=False, index=True),
        sa.Column("object_id", sa.String, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
    )
