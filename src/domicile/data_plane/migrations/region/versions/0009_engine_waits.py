"""When interactive requests last waited at an engine: the processes of a region tell each other, for the lines of batches."""

import sqlalchemy as sa
from alembic import op

revision = "0009_engine_waits"
down_revision = "0008_outside_services"


def upgrade() -> None:
    op.create_table(
        "engine_wait",
        sa.Column("engine", sa.String, primary_key=True),
        sa.Column("process", sa.String, primary_key=True),
        sa.Column("waited_at_ms", sa.BigInteger, nullable=False),
    )
