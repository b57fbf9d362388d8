"""Structured logs, one JSON object to a line on standard error."""

import logging
import sys

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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


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
