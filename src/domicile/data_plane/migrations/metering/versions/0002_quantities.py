"""Quantities besides tokens: characters, audio and images."""

import sqlalchemy as sa
from alembic import op

revision = "0002_quantities"
down_revision = "0001"


def upgrade() -> None:
    for name in ("characters", "audio_milliseconds", "images"):
        op.add_column("ledger", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("ledger", sa.Column("image_size", sa.String))
