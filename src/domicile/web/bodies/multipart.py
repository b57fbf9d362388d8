"""Forms with files (RFC 7578, `multipart/form-data`): their bounds, their errors, and how one is written."""

import re
import secrets
from collections.abc import Iterable

from python_multipart.multipart import parse_options_header

MEDIA_TYPE = "multipart/form-data"
FIELD_BYTES_MAX = 64 * 1024
PARTS_MAX = 128
HEADERS_MAX = 8
"""Of one part."""
HEADER_BYTES_MAX = 4096 + 128
"""Of one header of a part."""
OVERHEAD_BYTES_MAX = 1024 * 1024
"""All of a form except the content of its file: text fields, boundaries, part headers and the preamble."""
# No browser and no SDK sends a longer one, and parsing its parameters takes time by the square of its length.
_CONTENT_TYPE_LENGTH_MAX = 512
# RFC 2046, 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


class FormError(Exception):
    """A form that cannot be read. `param` is the field at fault, or None."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__("invalid form")
        self.message = message
        self.param = param


class UnknownFieldError(FormError):
    """A field that the endpoint does not know. `param` is its name, shortened."""


def is_form(content_type: str) -> bool:
    """Whether a `Content-Type` announces a form."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def boundary_of(content_type: str) -> bytes:
    """The boundary that a `Content-Type` names. Raises `FormError`."""
    if not is_form(content_type):
        raise FormError(f"Send this request as Content-Type: {MEDIA_TYPE}.")
    options = parse_options_header(content_type)[1] if len(content_type) <= _CONTENT_TYPE_LENGTH_MAX else {}
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary.decode("latin-1")):
        raise FormError("The Content-Type header names no valid boundary.")
    return boundary


def write_form(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, bytes]]) -> tuple[bytes, str]:
    """Return a form and its `Content-Type`. Boundary and file names are made here, never copied from a client."""
    boundary = secrets.token_hex(16).encode()
    pieces: list[bytes] = []
    for name, value in fields:
        pieces += (b"--", boundary, b'\r\nContent-Disposition: form-data; name="', name.encode(), b'"\r\n\r\n')
        pieces += (value.encode(), b"\r\n")
    for name, content in files:
        pieces += (b"--", boundary, b'\r\nContent-Disposition: form-data; name="', name.encode())
        pieces += (b'"; filename="', name.encode(), b'"\r\nContent-Type: application/octet-stream\r\n\r\n')
        pieces += (content, b"\r\n")
    pieces += (b"--", boundary, b"--\r\n")
    return b"".join(pieces), f"{MEDIA_TYPE}; boundary={boundary.decode()}"
