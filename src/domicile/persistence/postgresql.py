"""PostgreSQL: pools for writing and for reading, and what stands in for SQLite's single writer.

A writing transaction takes one advisory lock, so that those which read before they write run one after the other, whichever
process they come from, exactly as on SQLite. It is let go by the commit itself: the order of commits is the order of the
lock. What only ever adds rows of its own does not take it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domicile.kernel.geography import Destination
from domicile.persistence.unavailable import DatabaseUnavailableError

Password: TypeAlias = Callable[[], str]
"""Asked for the role's password whenever a connection is made, so that it can be replaced without a restart."""

WRITER_LOCK = 0x646F6D69
MIGRATION_LOCK = 0x646F6D6A
ROWS_OF = "domicile.organization"
"""The setting that row-level security reads: whose rows this transaction sees."""

# A query that takes longer has lost its connection: a replica must not wait for ever for a database that is gone.
_QUERY_S = 30.0
_CONNECT_S = 5.0
_WAITS_AND_IDLES = {
    "lock_timeout": "10s",
    # A replica that hangs inside a transaction must not hold the writer's lock for ever.
    "idle_in_transaction_session_timeout": "20s",
    "application_name": "domicile",
    # No plan may come from a search path that somebody else's schema is on.
    "search_path": "public",
}


def is_postgresql(url: str) -> bool:
    """Whether the URL names PostgreSQL, with the driver that this program has."""
    return url.startswith("postgresql+asyncpg:")


def postgresql_engines(
    url: str, destination: Destination | None, password: Password | None
) -> tuple[AsyncEngine, AsyncEngine]:
    """Writers, and readers whose transactions are one consistent view that cannot write."""
    arguments = connect_arguments(url, destination, password)
    reading = {**arguments["server_settings"], "default_transaction_read_only": "on"}
    # What a statement was given stays out of the texts of errors: it may name or hash what a log must not hold.
    options: dict[str, Any] = {
        "hide_parameters": True,
        "pool_size": 4,
        "max_overflow": 4,
        "pool_timeout": 30,
        "pool_pre_ping": True,
    }
    writer = create_async_engine(url, connect_args=arguments, **options)
    reader = create_async_engine(
        url,
        connect_args={**arguments, "server_settings": reading},
        isolation_level="REPEATABLE READ",
        **options,
    )
    for engine in (writer, reader):
        _translate_lost_connections(engine)
    return writer, reader


def connect_arguments(url: str, destination: Destination | None, password: Password | None) -> dict[str, Any]:
    """Where to, and how patiently. With a destination the connection goes there, whatever else the URL says."""
    query = make_url(url).query
    if any(not str(host).startswith("/") for host in _several(query.get("host"))):
        raise ValueError("a database URL names its host before the path; 'host=' is for the folder of a Unix socket")
    arguments: dict[str, Any] = {
        "timeout": _CONNECT_S,
        "command_timeout": _QUERY_S,
        "server_settings": dict(_WAITS_AND_IDLES),
    }
    if password is not None:
        arguments["password"] = password
    if destination is not None:
        arguments |= {"host": destination.host, "port": destination.port}
    return arguments


async def begin_writing(connection: AsyncConnection, *, alone: bool, rows_of: str | None) -> None:
    """The first statement of a writing transaction, in one round trip: the lock, and whose rows it sees."""
    if alone and rows_of is not None:
        statement = "SELECT pg_advisory_xact_lock(:key), set_config(:name, :rows_of, true)"
    elif alone:
        statement = "SELECT pg_advisory_xact_lock(:key)"
    else:
        await begin_reading(connection, rows_of=rows_of)
        return
    values: dict[str, object] = {"key": WRITER_LOCK}
    if rows_of is not None:
        values |= {"name": ROWS_OF, "rows_of": rows_of}
    await connection.execute(text(statement), values)


async def begin_reading(connection: AsyncConnection, *, rows_of: str | None) -> None:
    """Says whose rows the transaction sees. Without it row-level security shows none."""
    if rows_of is not None:
        await connection.execute(
            text("SELECT set_config(:name, :rows_of, true)"), {"name": ROWS_OF, "rows_of": rows_of}
        )


async def role_escapes_row_security(connection: AsyncConnection) -> bool:
    """Whether the role that we are connected as is one for which row-level security does not hold."""
    query = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    return bool((await connection.execute(query)).scalar_one())


def _several(value: object) -> tuple[object, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _translate_lost_connections(engine: AsyncEngine) -> None:
    """A timeout or a reset in the middle of a query is the driver's own OSError: callers know SQLAlchemy's errors."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            context.is_disconnect = True
            raise DatabaseUnavailableError(type(context.original_exception).__name__) from context.original_exception
