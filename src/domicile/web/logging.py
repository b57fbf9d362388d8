"""Structured logs, one JSON object to a line on standard error."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog


def configure_logging(level: str = "info") -> None:
    """`level`: debug, info, warning or error. Libraries log warnings and worse only, and never with a traceback:
    the text of an exception may quote what a caller sent."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _without_exceptions,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Unbreakable(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    # What a handler cannot write it would report, with a traceback, to the same stream.
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class _Unbreakable:
    """A stream whose lines are lost, and nothing else, when its disk is full or its reader has gone: a region serves on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """As many characters as were given, written or not."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As far as it goes."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def _without_exceptions(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("exc_info", None)
    event.pop("stack_info", None)
    return event


class _LibraryFormatter(logging.Formatter):
    """The place and kind of a library's message, without its arguments or traceback, which we do not control."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        message = structlog.processors.JSONRenderer()(
            None,
            "",
            {
                "event": "library",
                "logger": record.name,
                "level": record.levelname.lower(),
                "at": record.lineno,
                "type": kind,
            },
        )
        return str(message)
