"""The estimated tokens of a batch's input, which a project's limit of waiting batches counts."""

import sqlalchemy as sa
from alembic import op

revision = "0010_batch_queue_tokens"
down_revision = "0009_engine_waits"


def upgrade() -> None:
    op.add_column("batch", sa.Column("queued_tokens", sa.BigInteger, nullable=False, server_default="0"))
