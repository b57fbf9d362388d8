"""Exports of the projects' keys: which number holds which projects."""

import sqlalchemy as sa
from alembic import op

revision = "0007_key_exports"
down_revision = "0006_batches"


def upgrade() -> None:
    op.create_table(
        "key_export",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("exported_at_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "key_export_project",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.String, primary_key=True, index=True),
    )
