"""PostgreSQL: pools for writing and for reading, and a lock in the place of SQLite's single writer.

A writing transaction takes one advisory lock. So transactions that read before they write run one after the other, in all
processes, exactly as on SQLite. The commit itself releases the lock, so commits have the order of the lock. Transactions that
only add rows of their own do not take it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from domicile.kernel.geography import Destination
from domicile.persistence.unavailable import DatabaseUnavailableError

Password: TypeAlias = Callable[[], str]
"""Returns the role's password. Called for every new connection, so that the password can change without a restart."""

WRITER_LOCK = 0x646F6D69
MIGRATION_LOCK = 0x646F6D6A
ROWS_OF = "domicile.organization"
"""The setting that row-level security reads: the organization whose rows the transaction sees."""

# A longer query counts as a lost connection: a replica must not wait for ever for a database that is gone.
_QUERY_S = 30.0
_CONNECT_S = 5.0
_WAITS_AND_IDLES = {
    "lock_timeout": "10s",
    # A replica that hangs inside a transaction must not hold the writer's lock for ever.
    "idle_in_transaction_session_timeout": "20s",
    "application_name": "domicile",
    # Names resolve in this schema only, never in another one.
    "search_path": "public",
}


def is_postgresql(url: str) -> bool:
    """Whether the URL names PostgreSQL with the driver asyncpg."""
    return url.startswith("postgresql+asyncpg:")


def postgresql_engines(
    url: str, destination: Destination | None, password: Password | None
) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for writing, and one for reading whose transactions see one consistent view and cannot write."""
    arguments = connect_arguments(url, destination, password)
    reading = {**arguments["server_settings"], "default_transaction_read_only": "on"}
    # The values of a statement stay out of error texts: they may be names or hashes that a log must not hold.
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
    """The driver's arguments: timeouts, settings, password. A `destination` overrides the host and port of the URL.

    Raises ValueError when the URL's query names a host that is not the folder of a Unix socket.
    """
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
    """Begins a writing transaction in one round trip: takes the lock if `alone`, and sets whose rows it sees."""
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
    """Sets whose rows the transaction sees. With None, row-level security shows no rows."""
    if rows_of is not None:
        await connection.execute(
            text("SELECT set_config(:name, :rows_of, true)"), {"name": ROWS_OF, "rows_of": rows_of}
        )


async def role_escapes_row_security(connection: AsyncConnection) -> bool:
    """Whether row-level security does not hold for the connected role: a superuser, or one with BYPASSRLS."""
    query = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
    return bool((await connection.execute(query)).scalar_one())


def _several(value: object) -> tuple[object, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _translate_lost_connections(engine: AsyncEngine) -> None:
    """Turns the driver's OSErrors, such as a timeout or reset during a query, into the error that callers know."""

    @event.listens_for(engine.sync_engine, "handle_error")
    def translate(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, OSError):
            context.is_disconnect = True
            raise DatabaseUnavailableError(type(context.original_exception).__name__) from context.original_exception
