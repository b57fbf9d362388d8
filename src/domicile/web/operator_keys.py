"""The operator's keys: a file with one key on each line. During a rotation the old and the new key are both valid."""

import hashlib
import hmac
import re
from pathlib import Path

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from domicile.kernel import errors
from domicile.kernel.ids import random_base62
from domicile.kernel.secret_files import write_secret
from domicile.web.presented_key import Headers, presented_key

log = structlog.get_logger("operator_keys")

KEYS_MAX = 4
_KEY = re.compile(r"opk-[0-9A-Za-z]{40}", re.ASCII)
_Version = tuple[int, int, int]


class OperatorKeyFileError(Exception):
    """The file does not hold operator keys. The text names the file and quotes none of its content."""


class OperatorKeys:
    """Checks keys against the file, and follows its changes. The keys are stored nowhere else, not even as hashes."""

    def __init__(self, file: Path) -> None:
        """Make the file with a new key when there is none. Raises `OperatorKeyFileError`, or OSError if it cannot be read."""
        self._file = file
        if not file.exists():
            write_secret(file, f"opk-{random_base62(40)}\n".encode())
        self._version = self._look()
        self._digests = self._read()

    def accept(self, key: str) -> bool:
        """Whether the key is in the file now. Takes the same time for every wrong key."""
        self._follow_the_file()
        presented = _digest(key)
        # Compare with all keys, so that the time does not show which one matched.
        return sum(hmac.compare_digest(presented, digest) for digest in self._digests) > 0

    def require(self, headers: Headers) -> None:
        """Raises `DomicileError` 401 unless the headers hold one of the keys."""
        key = presented_key(headers)
        if not self.accept(key):
            raise errors.invalid_key(key)

    def _follow_the_file(self) -> None:
        """Read the file again if it has changed. If it is unreadable or wrong, keep the last valid keys and log that once."""
        try:
            version = self._look()
            if version == self._version:
                return
            self._version = version
            self._digests = self._read()
        except (OSError, OperatorKeyFileError) as error:
            log.error("operator_keys_unchanged", type=type(error).__name__)
        else:
            log.info("operator_keys_changed", keys=len(self._digests))

    def _look(self) -> _Version:
        found = self._file.stat()
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> tuple[bytes, ...]:
        try:
            lines = self._file.read_text("ascii").split()
        except UnicodeDecodeError:
            lines = []
        if not 1 <= len(lines) <= KEYS_MAX or not all(_KEY.fullmatch(line) for line in lines):
            raise OperatorKeyFileError(
                f"{self._file} must hold an operator key (opk- and 40 letters or digits), or up to {KEYS_MAX} of them, "
                "one to a line"
            )
        return tuple(_digest(line) for line in lines)


class OperatorGate:
    """Middleware that requires an operator key for every URL, unknown URLs included."""

    def __init__(self, app: ASGIApp, keys: OperatorKeys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._keys.require(scope["headers"])
        await self._app(scope, receive, send)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
