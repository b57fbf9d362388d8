"""The engine's log format: Domicile's own messages, and only the position of a library's message.

A library's message or an exception's text may quote the request. So both are left out, and so are tracebacks.
"""

import logging
import sys

_OWN = ("domicile", "domicile_engines")


class ContentFreeFormatter(logging.Formatter):
    """Time, level and logger; then Domicile's message or a library's line number; then the exception's type."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as one line. Never includes a library's message, an exception's text or a traceback."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        message = record.getMessage() if record.name.split(".")[0] in _OWN else f"line {record.lineno}"
        if kind is not None:
            message = f"{message} ({kind})"
        return f"{self.formatTime(record)} {record.levelname} {record.name} {message}"


def configure_log(level: str) -> None:
    """Log to standard error. `level` (debug, info, warning or error) is for Domicile; libraries log at warning and above."""
    # Otherwise a handler that fails to write a record prints a traceback to standard error.
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ContentFreeFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for own in _OWN:
        logging.getLogger(own).setLevel(level.upper())
