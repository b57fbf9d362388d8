"""What opens an engine that asks for a key: a secret by reference. A file is read again whenever it changes."""

import os
from pathlib import Path
from typing import Protocol

import structlog

from domicile.settings.engines import EngineSettings

log = structlog.get_logger("engines")

_MAX_BYTES = 4096


class EngineKeyError(Exception):
    """There is no key where one should be. The text names the place and quotes nothing of it."""


class Credential(Protocol):
    """A key, wherever it is kept."""

    def key(self) -> str:
        """The key of the next request."""
        ...


class KeyFile:
    """The key that the file holds now. A file that becomes unreadable or empty leaves the last key in use."""

    def __init__(self, file: Path) -> None:
        """Raises `EngineKeyError`, or OSError when the file cannot be read."""
        self._file = file
        self._version = self._look()
        self._key = self._read()

    def key(self) -> str:
        """See `Credential`."""
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
    """The key that an environment variable held at the start."""

    def __init__(self, variable: str) -> None:
        """Raises `EngineKeyError`."""
        self._key = _one_key(os.environ.get(variable, ""), f"the environment variable {variable}")

    def key(self) -> str:
        """See `Credential`."""
        return self._key


def credential_of(settings: EngineSettings) -> Credential | None:
    """Where the engine's key is; None for an engine that asks for none. Raises as the classes do."""
    if settings.api_key_file is not None:
        return KeyFile(settings.api_key_file)
    return None if settings.api_key_env is None else KeyInEnvironment(settings.api_key_env)


def _one_key(text: str, place: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise EngineKeyError(f"{place} must hold one key on one line")
    return key
