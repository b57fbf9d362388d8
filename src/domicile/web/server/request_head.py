"""The rules of RFC 9112 for a request's head that the parser does not check, and the parsing of its target."""

import urllib.parse
from collections.abc import Iterable

import httptools

from domicile.kernel import errors
from domicile.kernel.errors import DomicileError

Headers = Iterable[tuple[bytes, bytes]]

_VERSIONS = frozenset({"1.0", "1.1"})


def malformed() -> DomicileError:
    """400 for a request that the parser cannot read."""
    return errors.invalid_request("The request is not valid HTTP/1.1.")


def check_head(method: bytes, version: str, headers: Headers) -> None:
    """Check version, method, Host and Transfer-Encoding. `headers`: names in lower case.

    Raises `DomicileError` 400 for a version other than 1.0 and 1.1, for CONNECT, for a missing or second Host (RFC 9112 3.2),
    and for a Transfer-Encoding other than chunked (6.1; HTTP/1.0 has none).
    """
    if version not in _VERSIONS:
        raise errors.invalid_request("The request line has an unsupported version. Use HTTP/1.1 or HTTP/1.0.")
    if method == b"CONNECT":
        raise errors.invalid_request("CONNECT is not supported: this server is no proxy.")
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (version == "1.0" or value.lower() != b"chunked"):
            # The parser checks this too, but only after the request has been passed on.
            raise errors.invalid_request("Transfer-Encoding must be chunked, and is not allowed in HTTP/1.0.")
    if hosts > 1:
        raise errors.invalid_request("The request has more than one Host header. Send one.")
    if hosts == 0 and version != "1.0":
        raise errors.invalid_request("The request has no Host header. HTTP/1.1 requires one.")


def read_target(url: bytes) -> tuple[str, bytes, bytes]:
    """The decoded path, raw path and query of a request's target. Raises `DomicileError` 400."""
    try:
        parsed = httptools.parse_url(url)
        path = parsed.path.decode("ascii")
    except (httptools.HttpParserInvalidURLError, AttributeError, UnicodeDecodeError):
        raise malformed() from None
    return urllib.parse.unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


def without_upgrade(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The head's bytes without the Upgrade header. The values come from a parser, so they contain no line breaks."""
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    lines += [b"%s: %s" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join((*lines, b"", b""))
