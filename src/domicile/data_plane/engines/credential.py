"""API keys of engines. Settings name a file or an environment variable; the file is read again when it changes."""

import os
from pathlib import Path
from typing import Protocol

import structlog

from domicile.settings.engines import EngineSettings

log = structlog.get_logger("engines")

_MAX_BYTES = 4096


class EngineKeyError(Exception):
    """A file or variable holds no key. The text names the place and quotes none of its content."""


class Credential(Protocol):
    """The source of an engine's key."""

    def key(self) -> str:
        """The key for the next request."""
        ...


class KeyFile:
    """The key in a file. If the file becomes unreadable or empty, the last key stays in use."""

    def __init__(self, file: Path) -> None:
        """Raises `EngineKeyError`, or OSError when the file cannot be read."""
        self._file = file
        self._version = self._look()
        self._key = self._read()

    def key(self) -> str:
        """The key for the next request, read again if the file has changed."""
        try:
            version = self._look()
            if version != self._version:
                self._version = version
                self._key = self._read()
                log.info("engine_key_changed")
        except (OSError, EngineKeyError) as error:
            log.error("engine_key_unchanged", type=type(error).__name__)
        return self._key

    def _look(self) -> tuple[int, int, int]:
        found = self._file.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> str:
        return _one_key(self._file.read_bytes()[:_MAX_BYTES].decode("ascii", "replace"), str(self._file))


class KeyInEnvironment:
    """The key in an environment variable, read once at the start."""

    def __init__(self, variable: str) -> None:
        """Raises `EngineKeyError` for a variable that is unset, empty or no key."""
        self._key = _one_key(os.environ.get(variable, ""), f"the environment variable {variable}")

    def key(self) -> str:
        """The key that the variable held at the start."""
        return self._key


def credential_of(settings: EngineSettings) -> Credential | None:
    """The source of the engine's key. None for an engine without one.

    Raises `EngineKeyError`, or OSError for a file that cannot be read.
    """
    if settings.api_key_file is not None:
        return KeyFile(settings.api_key_file)
    return None if settings.api_key_env is None else KeyInEnvironment(settings.api_key_env)


def _one_key(text: str, place: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise EngineKeyError(f"{place} must hold one key on one line")
    return key
