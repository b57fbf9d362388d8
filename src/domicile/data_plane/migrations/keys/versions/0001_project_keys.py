"""The wrapped key of each project."""

import sqlalchemy as sa
from alembic import op

revision = "0001_project_keys"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "project_key",
        sa.Column("project_id", sa.String, primary_key=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
