"""Tells database errors that mean "not available now" from those that are defects of the program."""

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFreeError

from domicile.kernel.dependency import DependencyUnavailableError

# SQLite's primary result codes (sqlite.org/rescode.html): BUSY, LOCKED, NOMEM, READONLY, IOERR, CORRUPT, FULL, CANTOPEN,
# PROTOCOL, NOTADB.
_SQLITE_CODES = frozenset({5, 6, 7, 8, 10, 11, 13, 14, 15, 26})
# PostgreSQL's SQLSTATEs, by class or whole (its manual, appendix A): the connection; resources such as disk and memory;
# an operator's intervention, shutdown included; the system; another's lock, a deadlock, an idle transaction that was ended.
_SQLSTATES = ("08", "53", "57", "58", "55P03", "40", "25P03")
# A server that accepts no writes, such as a standby.
_READ_ONLY = "25006"


class DatabaseUnavailableError(SQLAlchemyError, DependencyUnavailableError):
    """The database is unreachable, full, or locked. The text is a type's name: no statement, no values.

    What was not committed did not happen. A commit in progress may have happened, as a whole.
    """


def is_unavailable(error: SQLAlchemyError, *, writing: bool) -> bool:
    """Whether the same statement may succeed later, unchanged. `writing`: it ran in a writing transaction."""
    if isinstance(error, NoConnectionFreeError):
        return True
    if not isinstance(error, DBAPIError):
        return False
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        # The upper bits hold the extended result code.
        return sqlite_code & 0xFF in _SQLITE_CODES
    sqlstate = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (writing and sqlstate == _READ_ONLY):
        return True
    return sqlstate is not None and sqlstate.startswith(_SQLSTATES)
