"""The ledger of single requests, and the outbox of reports about them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "metering_writer",
        sa.Column("writer", sa.String, primary_key=True),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_at_ms", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger),
    )
    op.create_table(
        "ledger",
        sa.Column("request_id", sa.String, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False, index=True),
        sa.Column("organization_id", sa.String, nullable=False),
        sa.Column("project_id", sa.String, nullable=False, index=True),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("tier", sa.String, nullable=False),
        sa.Column("batch", sa.Boolean, nullable=False),
        sa.Column("engine", sa.String, nullable=False),
        sa.Column("country", sa.String, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("counted_by", sa.String, nullable=False),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("input_cached_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_reasoning_tokens", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("writer", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("path", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("refused_code", sa.String),
    )
