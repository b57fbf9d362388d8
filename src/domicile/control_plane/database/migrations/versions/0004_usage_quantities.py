"""Usage besides tokens: characters, audio, and images by their size."""

import sqlalchemy as sa
from alembic import op

revision = "0004_usage_quantities"
down_revision = "0003_destruction"

_NEW_QUANTITIES = ("characters", "audio_milliseconds", "images")
_OLD_COLUMNS = (
    "organization_id, minute, region, project_id, key_id, model, fine_tuned_model, endpoint, tier, batch, "
    "requests, input_tokens, input_cached_tokens, output_tokens, output_reasoning_tokens"
)
_KEY = (
    "organization_id",
    "minute",
    "region",
    "project_id",
    "key_id",
    "model",
    "fine_tuned_model",
    "endpoint",
    "tier",
    "batch",
    "image_size",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _rebuild()
    else:
        _alter()


def _rebuild() -> None:
    """SQLite cannot change a primary key, so the rows move to a new table."""
    op.rename_table("usage_minute", "usage_minute_of_tokens")
    op.create_table(
        "usage_minute",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("fine_tuned_model", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("batch", sa.Boolean(), nullable=False),
        sa.Column("image_size", sa.String(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_reasoning_tokens", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NEW_QUANTITIES),
        sa.CheckConstraint("tier IN ('default', 'scale')", name=op.f("ck_usage_minute_tier")),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_usage_minute_key_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_usage_minute_organization_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_usage_minute_project_id"),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_usage_minute_region"),
        sa.PrimaryKeyConstraint(*_KEY, name="pk_usage_minute"),
    )
    op.execute(
        f"INSERT INTO usage_minute ({_OLD_COLUMNS}, image_size, {', '.join(_NEW_QUANTITIES)}) "
        f"SELECT {_OLD_COLUMNS}, '', 0, 0, 0 FROM usage_minute_of_tokens"
    )
    op.drop_table("usage_minute_of_tokens")


def _alter() -> None:
    """PostgreSQL changes the table in place. Its rows and its row policy stay."""
    op.add_column("usage_minute", sa.Column("image_size", sa.String(), nullable=False, server_default=""))
    op.alter_column("usage_minute", "image_size", server_default=None)
    for name in _NEW_QUANTITIES:
        op.add_column("usage_minute", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
        op.alter_column("usage_minute", name, server_default=None)
    op.drop_constraint("pk_usage_minute", "usage_minute", type_="primary")
    op.create_primary_key("pk_usage_minute", "usage_minute", list(_KEY))
