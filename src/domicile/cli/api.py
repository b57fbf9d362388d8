"""A JSON client for one host with one key. It follows no redirects and uses no proxies, so the key goes only to that host."""

import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from domicile.cli.certificates import client_context
from domicile.cli.failures import CommandError, RefusedError

_TIMEOUT_SECONDS = 30.0
_PAGE = 100
_PIECE_BYTES = 256 * 1024


class Api:
    """A client with one base URL and one key. Its methods raise `CommandError`; `RefusedError` for an error reply."""

    def __init__(self, url: str, key: str) -> None:
        """Raises `CommandError` if `url` is not an http or https URL."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandError(f"'{url}' is not an http or https URL")
        self._url = url
        self._is_tls = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Get one object."""
        return self._call("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Create or change an object."""
        return self._call("POST", path, body)

    def delete(self, path: str) -> dict[str, Any]:
        """Delete an object."""
        return self._call("DELETE", path)

    def send(self, path: str, body: Iterable[bytes], *, length: int, content_type: str) -> dict[str, Any]:
        """Create an object from a body of `length` bytes that is sent piece by piece."""
        return self._exchange("POST", path, body, {"Content-Type": content_type, "Content-Length": str(length)})

    @contextmanager
    def content(self, path: str) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Get the length of some content in bytes, and the content piece by piece. It is never shorter."""
        connection = self._connection()
        try:
            connection.request("GET", self._prefix + path, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                self._read(answer.status, answer.read())
                raise self._unexpected(answer.status)
            length = answer.length or 0
            yield length, self._pieces(answer, length)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()

    def _pieces(self, answer: http.client.HTTPResponse, length: int) -> Iterator[bytes]:
        left = length
        while piece := answer.read(_PIECE_BYTES):
            left -= len(piece)
            yield piece
        if left:
            raise CommandError(f"{self._url} broke the content off, {left} bytes before its end")

    def all(self, path: str, query: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Get every object of a paginated list."""
        found: list[dict[str, Any]] = []
        page_query = {"limit": _PAGE, **(query or {})}
        while True:
            page = self.get(path, page_query)
            found += self._data(page)
            if not page.get("has_more"):
                return found
            page_query["after"] = page["last_id"]

    def whole(self, path: str) -> list[dict[str, Any]]:
        """Get every object of a list without pages."""
        return self._data(self.get(path))

    def _data(self, page: dict[str, Any]) -> list[dict[str, Any]]:
        data = page.get("data")
        if not isinstance(data, list):
            raise self._unexpected(200)
        return data

    def _unexpected(self, status: int) -> CommandError:
        return CommandError(f"{self._url} answered {status}, but not like a Domicile server. Is the URL right?")

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if body is None:
            return self._exchange(method, path, None, {})
        return self._exchange(method, path, json.dumps(body), {"Content-Type": "application/json"})

    def _exchange(
        self, method: str, path: str, body: str | Iterable[bytes] | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        connection = self._connection()
        try:
            connection.request(method, self._prefix + path, body, {**self._headers, **headers})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None
        finally:
            connection.close()
        return self._read(answer.status, content)

    def _unreachable(self, error: Exception) -> CommandError:
        return CommandError(f"cannot reach {self._url}: {str(error) or type(error).__name__}. Is it running there?")

    def _read(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if status < 300 and isinstance(found, dict):
            return found
        error = found.get("error") if isinstance(found, dict) else None
        if isinstance(error, dict):
            raise RefusedError(status, error.get("code"), str(error.get("message")))
        raise self._unexpected(status)

    def _connection(self) -> http.client.HTTPConnection:
        if self._is_tls:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=_TIMEOUT_SECONDS, context=client_context()
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)


def segment(text: str) -> str:
    """Escape a user's text for use as one path segment."""
    return quote(text, safe="")
