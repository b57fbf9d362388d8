"""Alembic's environment for the metering database."""

from domicile.data_plane.tables import metering_metadata
from domicile.persistence.migration import run_migrations

run_migrations(metering_metadata, version_table="alembic_version_metering")
