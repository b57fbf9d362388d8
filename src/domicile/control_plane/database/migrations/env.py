"""Alembic's environment for the control plane's database."""

from domicile.control_plane.database.tables import metadata
from domicile.persistence.migration import run_migrations

run_migrations(metadata)
