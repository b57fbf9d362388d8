"""Forms with files (RFC 7578, `multipart/form-data`), read and written in memory: no byte of one reaches a disk.

A file's own name and type are what a client says of it, and may be content: they are read past and never kept.
"""

import logging
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

# It quotes what it stumbles over.
logging.getLogger("python_multipart").disabled = True
logging.getLogger("python_multipart.multipart").disabled = True

MEDIA_TYPE = "multipart/form-data"
FIELD_BYTES_MAX = 64 * 1024
PARTS_MAX = 128
OVERHEAD_BYTES_MAX = 1024 * 1024
"""What a form may add to its file: its other fields, boundaries and heads."""
# Longer ones are no browser's and no SDK's, and what reads their parameters takes time by the square of their length.
_CONTENT_TYPE_LENGTH_MAX = 512
# RFC 2046, 5.1.1.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
# How much of a field's name an error repeats.
_SHOWN = 64
_PLAIN_ENCODINGS = frozenset({b"7bit", b"8bit", b"binary"})


class FormError(Exception):
    """A form that cannot be read; `param` is the field at fault, if it is one's."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__("invalid form")
        self.message = message
        self.param = param


class UnknownFieldError(FormError):
    """A field that the endpoint does not know. `param` is its name, shortened."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form holds. A field may have been sent more than once."""

    fields: Mapping[str, list[str]]
    files: Mapping[str, bytes]


@dataclass(slots=True)
class _Part:
    head: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)


class _Collector:
    """The parser's callbacks."""

    def __init__(self) -> None:
        self.parts: list[_Part] = []
        self.ended = False
        self._name = bytearray()
        self._value = bytearray()

    def on_part_begin(self) -> None:
        if len(self.parts) == PARTS_MAX:
            raise FormError(f"The form has more than {PARTS_MAX} parts.")
        self.parts.append(_Part())

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        self.parts[-1].head[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        # A view: the slice of a file would be one more copy of it.
        self.parts[-1].body += memoryview(data)[start:end]

    def on_end(self) -> None:
        self.ended = True


def is_form(content_type: str) -> bool:
    """Whether a `Content-Type` announces a form."""
    return content_type.partition(";")[0].strip().lower() == MEDIA_TYPE


def read_form(body: bytes, content_type: str, *, files: frozenset[str], texts: frozenset[str] | None = None) -> Form:
    """The whole form. `files` names the fields that hold files: by their name, whatever the client calls them.

    Raises `FormError`, for a field that is neither among `files` nor `texts`, if they are given, `UnknownFieldError`: a file
    under another name is no text that is too large. Text is UTF-8 and at most `FIELD_BYTES_MAX` bytes a field.
    """
    fields: dict[str, list[str]] = {}
    found: dict[str, bytes] = {}
    for part in _parts(body, _boundary(content_type)):
        name = _name(part)
        if name in files:
            if name in found:
                raise FormError(f"'{name}' was sent more than once; send one file.", name)
            found[name] = bytes(part.body)
        elif texts is not None and name.removesuffix("[]") not in texts:
            raise UnknownFieldError(f"Unknown field '{name[:_SHOWN]}'.", name[:_SHOWN])
        else:
            fields.setdefault(name, []).append(_text(name, part.body))
    return Form(fields, found)


def write_form(fields: Iterable[tuple[str, str]], files: Iterable[tuple[str, bytes]]) -> tuple[bytes, str]:
    """A form and its `Content-Type`, from what was read of one: boundary and file names are made here, never copied."""
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


def _boundary(content_type: str) -> bytes:
    if not is_form(content_type):
        raise FormError(f"Send this request as Content-Type: {MEDIA_TYPE}.")
    options = parse_options_header(content_type)[1] if len(content_type) <= _CONTENT_TYPE_LENGTH_MAX else {}
    boundary = options.get(b"boundary", b"")
    if not _BOUNDARY.fullmatch(boundary.decode("latin-1")):
        raise FormError("The Content-Type header names no valid boundary.")
    return boundary


def _parts(body: bytes, boundary: bytes) -> list[_Part]:
    collector = _Collector()
    callbacks = {
        name: getattr(collector, name)
        for name in ("on_part_begin", "on_header_field", "on_header_value", "on_header_end", "on_part_data", "on_end")
    }
    parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]  # a TypedDict of the same names
    try:
        parser.write(_without_preamble(body, boundary))
        parser.finalize()
    except FormParserError:
        raise FormError("The form is damaged: its parts do not end where its boundary says.") from None
    if not collector.ended:
        raise FormError("The form is cut short: its last boundary is missing.")
    return collector.parts


def _without_preamble(body: bytes, boundary: bytes) -> bytes:
    """What stands before the first boundary is ignored (RFC 2046 5.1.1). The parser itself ignores what follows the last."""
    if body.startswith(b"--" + boundary):
        return body
    start = body.find(b"\r\n--" + boundary)
    return body if start < 0 else body[start + 2 :]


def _name(part: _Part) -> str:
    disposition, options = parse_options_header(part.head.get(b"content-disposition", b""))
    encoding = part.head.get(b"content-transfer-encoding", b"binary").strip().lower()
    if disposition != b"form-data" or b"name" not in options:
        raise FormError("A part of the form has no name.")
    if encoding not in _PLAIN_ENCODINGS:
        raise FormError("A part of the form is encoded; send the bytes as they are.")
    try:
        return options[b"name"].decode()
    except UnicodeDecodeError:
        raise FormError("The name of a part is not valid UTF-8.") from None


def _text(name: str, value: bytearray) -> str:
    # The name is the caller's own word: it is not long, but it may be anything.
    shown = name[:_SHOWN]
    if len(value) > FIELD_BYTES_MAX:
        raise FormError(f"'{shown}' is larger than {FIELD_BYTES_MAX} bytes.", shown)
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise FormError(f"'{shown}' is not valid UTF-8.", shown) from None
