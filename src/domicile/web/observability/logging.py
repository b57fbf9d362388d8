"""Structured logs: one JSON object on each line of standard error.

Info lines of an event loop wait up to `WRITE_AFTER_S` and are written together, since one write takes longer than making a
line. Warnings, errors and lines of other threads are written at once, together with the waiting lines.
"""

import asyncio
import atexit
import contextlib
import json
import logging
import sys
import threading
import time
from typing import Any, TextIO

import msgspec
import structlog

WRITE_AFTER_S = 0.02
_WAITING_MAX = 256
_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure_logging(level: str = "info") -> None:
    """Configure logging for the process. `level`: debug, info, warning or error.

    Libraries log only warnings and errors, without message arguments or traceback: these may quote a request.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    lines = LineWriter(sys.stderr)
    atexit.register(lines.write_waiting)
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_names: lines,
        cache_logger_on_first_use=True,
    )
    # Otherwise a handler that cannot write prints a traceback to the same stream.
    logging.raiseExceptions = False
    handler = _LibraryHandler(lines)
    handler.setFormatter(_LibraryFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


class LineWriter:
    """Writes log lines to a stream. If that fails, as on a full disk, the lines are lost and the process continues."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting: list[str] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        """The event loop that will write the waiting lines. None when none is scheduled."""
        # Re-entrant: a signal handler may log while this thread writes.
        self._lock = threading.RLock()

    def info(self, line: str) -> None:
        """Write the line within `WRITE_AFTER_S` if this thread runs an event loop, else at once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.warning(line)
            return
        with self._lock:
            self._waiting.append(line)
            if len(self._waiting) >= _WAITING_MAX:
                self.write_waiting()
            elif self._loop is not loop:
                self._loop = loop
                loop.call_later(WRITE_AFTER_S, self.write_waiting)

    debug = info

    def warning(self, line: str) -> None:
        """Write the line at once, after the waiting ones."""
        with self._lock:
            self._waiting.append(line)
            self.write_waiting()

    error = critical = exception = warning

    def write_waiting(self) -> None:
        """Write all waiting lines, in their order."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            lines, self._waiting, self._loop = self._waiting, [], None
            if lines:
                self._stream.write("\n".join((*lines, "")))
                self._stream.flush()


def _line(_logger: object, level: str, event: structlog.typing.EventDict) -> str:
    """The event as JSON, without a traceback, which may quote the request."""
    event.pop("exc_info", None)
    event.pop("stack_info", None)
    event["level"] = level
    event["timestamp"] = _timestamp()
    return _json(event)


def _timestamp() -> str:
    """Now, in UTC, to the microsecond."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1000:06}Z"


def _json(event: Any) -> str:
    try:
        return _encoder.encode(event).decode()
    except (UnicodeError, ValueError, TypeError, OverflowError):
        # Half of a surrogate pair, or a number that msgspec cannot encode.
        return json.dumps(event, default=repr)


class _LibraryHandler(logging.Handler):
    def __init__(self, lines: LineWriter) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.warning(self.format(record))


class _LibraryFormatter(logging.Formatter):
    """Formats a library's message as logger, line and exception type. Its text may quote the request, so it is left out."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        return _json(
            {
                "event": "library",
                "logger": record.name,
                "level": record.levelname.lower(),
                "at": record.lineno,
                "type": kind,
            }
        )
