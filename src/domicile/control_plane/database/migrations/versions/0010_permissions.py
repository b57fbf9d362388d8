"""Models and networks of projects, scopes of keys, and when a key was last used."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

revision = "0010_permissions"
down_revision = "0009_entitlements"

# SQLite drops a table's triggers with the old table.
_PROJECT_STAYS = (
    "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id, external_key_id ON project "
    "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
    "OR NEW.external_key_id IS NOT OLD.external_key_id "
    "BEGIN SELECT RAISE(ABORT, 'a project never changes its region, organization or external key'); END"
)


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    recreate: Literal["always", "never"] = "always" if is_sqlite else "never"
    with op.batch_alter_table("project", recreate=recreate) as table:
        table.add_column(sa.Column("model_permissions", sa.String(), nullable=True))
        table.add_column(sa.Column("networks", sa.String(), nullable=False, server_default="[]"))
    if is_sqlite:
        op.execute(_PROJECT_STAYS)
    with op.batch_alter_table("api_key", recreate=recreate) as table:
        table.add_column(sa.Column("scopes", sa.String(), nullable=True))
        table.add_column(sa.Column("last_used_at_ms", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("admin_key", recreate=recreate) as table:
        table.add_column(sa.Column("last_used_at_ms", sa.BigInteger(), nullable=True))
