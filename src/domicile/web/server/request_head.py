"""The rules of RFC 9112 for a request's head that the parser leaves open, and the line of a URL."""

import urllib.parse
from collections.abc import Iterable

import httptools

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

Headers = Iterable[tuple[bytes, bytes]]

_VERSIONS = frozenset({"1.0", "1.1"})


def malformed() -> DomicileError:
    """What the parser itself could not read."""
    return errors.invalid_request("The request is not valid HTTP/1.1.")


def check_head(method: bytes, version: str, headers: Headers) -> None:
    """Raises `DomicileError` 400 for another version than 1.0 and 1.1, for CONNECT, a missing or second Host (RFC 9112 3.2),
    and a Transfer-Encoding other than chunked (6.1; HTTP/1.0 has none). `headers` have names in lower case."""
    if version not in _VERSIONS:
        raise errors.invalid_request("The request line names another version than HTTP/1.1 and HTTP/1.0.")
    if method == b"CONNECT":
        raise errors.invalid_request("CONNECT is not supported: this server is no proxy.")
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
            # The parser finds out too, but only after the request has been passed on.
            raise errors.invalid_request(
                "The only Transfer-Encoding that is understood is chunked, and HTTP/1.0 has none."
            )
    if hosts > 1:
        raise errors.invalid_request("The request has more than one Host header. Send one.")
    if hosts == 0 and version != "1.0":
        raise errors.invalid_request("The request has no Host header. HTTP/1.1 requires one.")


def read_target(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, raw path and query of a request's target. Raises `DomicileError` 400."""
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
        raise malformed() from None
    return urllib.parse.unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


def without_upgrade(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The same head without its offer to change the protocol. The values come from a parser, so none holds a line's end."""
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    lines += [b"%s: %s" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join((*lines, b"", b""))
