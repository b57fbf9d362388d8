"""Deleted admin keys stay as cursors of the list; the grace period of a destruction is counted, not read off a clock."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0006_deleted_keys_and_grace"
down_revision = "0005_root_key_taken"


def upgrade() -> None:
    # SQLite adds a column by appending to the table's SQL text. Only a recreated table equals the one that the code creates.
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("admin_key", recreate=recreate) as table:
        table.add_column(sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.add_column(sa.Column("counted_ms", sa.BigInteger(), nullable=False, server_default="0"))
    # A finished destruction counts as fully waited. A pending one waits the whole grace period again: how much of it has
    # really passed is unknown.
    op.execute("UPDATE destruction SET counted_ms = due_at_ms - requested_at_ms WHERE destroyed_at_ms IS NOT NULL")
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.alter_column("counted_ms", server_default=None)
