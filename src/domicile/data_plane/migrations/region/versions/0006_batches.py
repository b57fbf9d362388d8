"""Batches: rows with leases. An object counts the rows that refer to it, so that a batch keeps the bytes of its input."""

import sqlalchemy as sa
from alembic import op

revision = "0006_batches"
down_revision = "0005_files"


def upgrade() -> None:
    op.add_column("stored_object", sa.Column("holders", sa.Integer, nullable=False, server_default="1"))
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.String, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("model", sa.String),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("ending", sa.String),
        sa.Column("input_file_id", sa.String, nullable=False),
        sa.Column("input_parts", sa.LargeBinary, nullable=False),
        sa.Column("output_file_id", sa.String),
        sa.Column("error_file_id", sa.String),
        sa.Column("output_expires_after_s", sa.Integer),
        sa.Column("created_at_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger, nullable=False),
        *(sa.Column(f"{state}_at_ms", sa.BigInteger) for state in _STATES),
        sa.Column("total", sa.Integer),
        *(sa.Column(name, sa.Integer, nullable=False, server_default="0") for name in ("completed", "failed")),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in _TOKENS),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False, server_default="0"),
        *(sa.Column(name, sa.LargeBinary) for name in ("errors", "metadata", "idempotency_sha256", "body_sha256")),
    )
    op.create_index("ix_batch_project", "batch", ["project_id", "created_at_ms", "batch_id"])
    op.create_index("ix_batch_status", "batch", ["status"])
    op.create_index("ix_batch_idempotency", "batch", ["project_id", "idempotency_sha256"], unique=True)
    op.create_table(
        "batch_chunk",
        sa.Column("batch_id", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("byte_offset", sa.BigInteger, nullable=False),
        sa.Column("byte_length", sa.BigInteger, nullable=False),
        sa.Column("first_line", sa.Integer, nullable=False),
        sa.Column("lines", sa.Integer, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("put_off", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("object_id", sa.String),
        sa.Column("output_bytes", sa.BigInteger),
        sa.Column("error_bytes", sa.BigInteger),
        sa.Column("entries", sa.LargeBinary),
    )
    op.create_index("ix_batch_chunk_status", "batch_chunk", ["status", "project_id", "batch_id", "number"])


_STATES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
_TOKENS = ("input_tokens", "input_cached_tokens", "output_tokens", "output_reasoning_tokens")
