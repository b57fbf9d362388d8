"""The log file of each process: appended to, and rotated at a start if it is large."""

import os
from pathlib import Path
from typing import BinaryIO

ROTATE_BYTES = 10 * 1024 * 1024
_TAIL_BYTES = 8192
_TAIL_LINES = 15


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending. A file of more than `ROTATE_BYTES` is first renamed to `NAME.log.1`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > ROTATE_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")


def last_lines(path: Path) -> list[str]:
    """The last lines of a log, for a message. Empty if there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace").splitlines()[-_TAIL_LINES:]
    except FileNotFoundError:
        return []
