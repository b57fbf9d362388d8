"""What opens an engine that asks for a key: a secret by reference, read again whenever its file changes."""

from pathlib import Path

import structlog

log = structlog.get_logger("engines")

_MAX_BYTES = 4096


class EngineKeyError(Exception):
    """The file holds no key. The text names the file and quotes nothing of it."""


class EngineKey:
    """The key that the file holds now. A file that becomes unreadable or empty leaves the last key in use."""

    def __init__(self, file: Path) -> None:
        """Raises `EngineKeyError`, or OSError when the file cannot be read."""
        self._file = file
        self._version = self._look()
        self._key = self._read()

    def headers(self) -> dict[str, str]:
        """The Authorization header of the next request."""
        try:
            version = self._look()
            if version != self._version:
                self._version = version
                self._key = self._read()
                log.info("engine_key_changed")
        except (OSError, EngineKeyError) as error:
            log.error("engine_key_unchanged", type=type(error).__name__)
        return {"authorization": f"Bearer {self._key}"}

    def _look(self) -> tuple[int, int, int]:
        found = self._file.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> str:
        key = self._file.read_bytes()[:_MAX_BYTES].decode("ascii", "replace").strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise EngineKeyError(f"{self._file} must hold one key on one line")
        return key
