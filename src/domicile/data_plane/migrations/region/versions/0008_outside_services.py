"""The customer's bucket of an object, the checks of customers' keys and buckets, and claims of batches that were put off."""

import sqlalchemy as sa
from alembic import op

revision = "0008_outside_services"
down_revision = "0007_key_exports"


def upgrade() -> None:
    op.add_column("stored_object", sa.Column("bucket", sa.String))
    op.add_column("stored_object", sa.Column("signing_region", sa.String))
    op.create_index("ix_stored_object_project_bucket", "stored_object", ["project_id", "bucket"])
    op.add_column("batch", sa.Column("put_off", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "outside_check",
        sa.Column("service_id", sa.String, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("is_reported", sa.Boolean, nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False),
    )
