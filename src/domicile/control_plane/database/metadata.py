"""The collection of the control plane's tables, with the names of their constraints and the database's own rules."""

from sqlalchemy import Connection, MetaData, event

from domicile.control_plane.database.row_rules import statements

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


@event.listens_for(metadata, "after_create")
def _enforce(_metadata: MetaData, connection: Connection, **_options: object) -> None:
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)
