"""An HTTP client for checks: only GET, over TCP, TLS or a Unix socket, without redirects and proxies."""

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
    """The server did not answer. The text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class CheckReply:
    """A server's reply, and the difference of its clock from this machine's."""

    status: int
    body: bytes
    ahead_s: float | None
    """Seconds by which the server's clock is ahead, to about a second. None without a valid Date header."""

    def member(self, name: str) -> Any:
        """A member of the body's JSON object. None if the body is not an object or has no such member."""
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


def send_get(
    url: str,
    path: str,
    *,
    key: str | None = None,
    unix: Path | None = None,
    ca_file: Path | None = None,
    pinned: Path | None = None,
) -> CheckReply:
    """Send one GET request. Raises `UnreachableError` if there is no reply.

    `unix`: connect to this socket instead. Over https, the certificate is checked against `ca_file` or the system's roots.
    With `pinned`, it must equal the first certificate in that file. The name is not checked then, because a listener of this
    machine is called by its address.
    """
    parts = urlsplit(url)
    headers: Mapping[str, str] = {} if key is None else {"Authorization": f"Bearer {key}"}
    connection: http.client.HTTPConnection | None = None
    try:
        context = _context(ca_file, pinned) if parts.scheme == "https" else None
        connection = _connection(parts.hostname or "", parts.port, unix, context)
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES)
        return CheckReply(answer.status, body, _ahead_s(answer.getheader("date")))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "verify_message", None) or (error.strerror if isinstance(error, OSError) else None)
        raise UnreachableError(reason or type(error).__name__) from None
    finally:
        if connection is not None:
            connection.close()


def _context(ca_file: Path | None, pinned: Path | None) -> ssl.SSLContext:
    if pinned is None:
        return ssl.create_default_context(cafile=ca_file)
    # Only the first one: the others are issuers, which may have issued many certificates.
    first, end, _ = pinned.read_text("ascii").partition("-----END CERTIFICATE-----")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=first + end)
    return context


def _connection(
    host: str, port: int | None, unix: Path | None, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if unix is not None:
        return _UnixConnection(unix)
    if context is not None:
        return http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=context)
    return http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)


def _ahead_s(date: str | None) -> float | None:
    try:
        # The header has whole seconds, so half a second is the best estimate of the rest.
        return None if date is None else parsedate_to_datetime(date).timestamp() + 0.5 - time.time()
    except ValueError:
        return None
