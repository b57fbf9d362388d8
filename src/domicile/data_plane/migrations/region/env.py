"""Alembic's environment for the region database."""

from domicile.data_plane.tables import region_metadata
from domicile.persistence.migration import run_migrations

run_migrations(region_metadata, version_table="alembic_version_region")
