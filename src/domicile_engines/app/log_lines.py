"""What the engine's log may hold: this package's own words, and of what libraries say only where they say it.

A library's message, and the text of any exception, may quote what a caller sent: both are left out, tracebacks with them.
"""

import logging
import sys

_OWN = ("domicile", "domicile_engines")


class ContentFreeFormatter(logging.Formatter):
    """Time, level and name; then our message, or a library's line and the kind of exception."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        message = record.getMessage() if record.name.split(".")[0] in _OWN else f"line {record.lineno}"
        if kind is not None:
            message = f"{message} ({kind})"
        return f"{self.formatTime(record)} {record.levelname} {record.name} {message}"


def configure_log(level: str) -> None:
    """To standard error. `level`: debug, info, warning or error, of our own lines; libraries log warnings and worse only."""
    # What a handler cannot write it would report, with a traceback, to the same stream.
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(ContentFreeFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for own in _OWN:
        logging.getLogger(own).setLevel(level.upper())
