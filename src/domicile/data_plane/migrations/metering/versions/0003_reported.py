"""Which ledger entries have been reported: entries get a writer and a sequence number, writers the last one reported."""

import sqlalchemy as sa
from alembic import op

revision = "0003_reported"
down_revision = "0002_quantities"


def upgrade() -> None:
    # Entries of earlier versions have no writer. They were reported when they were written.
    op.add_column("ledger", sa.Column("writer", sa.String))
    op.add_column("ledger", sa.Column("sequence", sa.BigInteger))
    op.create_index("ix_ledger_writer_sequence", "ledger", ["writer", "sequence"])
    for name in ("last_number", "reported_through"):
        op.add_column("metering_writer", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("metering_writer", sa.Column("is_settled", sa.Boolean, nullable=False, server_default=sa.true()))
