"""Alembic's environment for the key store."""

from domicile.data_plane.tables import keys_metadata
from domicile.persistence.migration import run_migrations

run_migrations(keys_metadata, version_table="alembic_version_keys")
