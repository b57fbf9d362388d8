"""GET, and nothing else: over TCP, TLS or a Unix socket, without redirects and proxies."""

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 5.0
_MAX_BYTES = 4 * 1024 * 1024


class UnreachableError(Exception):
    """There was no answer. The text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and the other side's clock against ours."""

    status: int
    body: bytes
    ahead_s: float | None
    """How far its clock is before ours, to about a second; None when it does not tell."""

    def member(self, name: str) -> Any:
        """A member of the JSON object that it is; None where it is no object or has no such member."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found.get(name) if isinstance(found, dict) else None


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("engine", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


def ask(
    url: str, path: str, *, key: str | None = None, unix: Path | None = None, ca_file: Path | None = None
) -> Answer:
    """One GET. `ca_file`: what to trust in place of the system's certificates. Raises `UnreachableError`."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, unix, ca_file)
    headers: Mapping[str, str] = {} if key is None else {"Authorization": f"Bearer {key}"}
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES)
        return Answer(answer.status, body, _ahead_s(answer.getheader("date")))
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise UnreachableError(reason or type(error).__name__) from None
    finally:
        connection.close()


def _connection(
    scheme: str, host: str, port: int | None, unix: Path | None, ca_file: Path | None
) -> http.client.HTTPConnection:
    if unix is not None:
        return _UnixConnection(unix)
    if scheme == "https":
        return http.client.HTTPSConnection(
            host, port, timeout=_TIMEOUT_S, context=ssl.create_default_context(cafile=ca_file)
        )
    return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)


def _ahead_s(date: str | None) -> float | None:
    try:
        # The header counts whole seconds: half of one is the best guess of what it leaves out.
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
    except ValueError:
        return None
