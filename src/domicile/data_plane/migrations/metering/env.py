"""Alembic's environment for the metering database."""

from alembic import context
from sqlalchemy import create_engine, pool

from domicile.data_plane.tables import metering_metadata

engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "", poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metering_metadata,
        version_table="alembic_version_metering",
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
