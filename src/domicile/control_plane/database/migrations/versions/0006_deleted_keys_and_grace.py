"""Deleted admin keys keep their place in the list, and the grace of a destruction is counted instead of read off a clock."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0006_deleted_keys_and_grace"
down_revision = "0005_root_key_taken"


def upgrade() -> None:
    # SQLite appends a column as a text behind its table's: only a table made anew is what the code's own would be.
    recreate: Literal["always", "never"] = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table("admin_key", recreate=recreate) as table:
        table.add_column(sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.add_column(sa.Column("counted_ms", sa.BigInteger(), nullable=False, server_default="0"))
    # What was destroyed stays told. What waits for it waits for the whole grace again: how much of it is real, nobody knows.
    op.execute("UPDATE destruction SET counted_ms = due_at_ms - requested_at_ms WHERE destroyed_at_ms IS NOT NULL")
    with op.batch_alter_table("destruction", recreate=recreate) as table:
        table.alter_column("counted_ms", server_default=None)
