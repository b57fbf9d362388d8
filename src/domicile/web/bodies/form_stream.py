"""Reads a request's form as a stream: the file goes to a sink while it arrives, the fields are kept in memory."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from starlette.requests import Request

from domicile.kernel import errors
from domicile.web import http_errors
from domicile.web.bodies.body_memory import BodyHold
from domicile.web.bodies.form_parser import FileEnd, FilePiece, FileStart, FormItem, FormParser, TextField
from domicile.web.bodies.json_body import converted
from domicile.web.bodies.multipart import MEDIA_TYPE, FormError, UnknownFieldError, is_form
from domicile.web.bodies.receiving import hold_of, receive_chunks

T = TypeVar("T")
Stored = TypeVar("Stored")
Stored_co = TypeVar("Stored_co", covariant=True)


class FileSink(Protocol[Stored_co]):
    """Stores one file. The reader ends it with one `close` that succeeds, or else with one `abort`."""

    async def write(self, data: bytes) -> None:
        """Take the next bytes, at most 64 KiB. The reader takes no more from the client until this returns."""

    async def close(self) -> Stored_co:
        """Keep the whole file, and return the sink's account of it. Called only when the whole form is valid."""

    async def abort(self) -> None:
        """Keep nothing. Raises nothing.

        Called when the form, the client, the sink or the task fails. Also called after a `close` that raised or was
        cancelled, so it must remove what that `close` may have kept.
        """


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Bounds of one endpoint's forms. The bounds of all forms stand in `multipart`."""

    body_bytes: int
    file_bytes: int
    slowest_bytes_per_s: int | None = None
    """Lets a body take longer than `BODY_TIMEOUT_S`, as long as the client sends at this rate. None: no longer."""


async def stream_form(
    request: Request,
    type_: type[T],
    *,
    file: str,
    lists: frozenset[str],
    limits: FormLimits,
    open_sink: Callable[[str], Awaitable[FileSink[Stored]]],
    check: Callable[[T], None] = lambda _: None,
) -> tuple[T, Stored]:
    """Return the text fields as a `type_`, and the sink's account of the file.

    `file` names the one file field; `type_` has all others. Fields and file may come in any order. `lists` names the fields
    that SDKs send as `name[]`, once a value; a caller may send them as `name`. `open_sink` is given the client's name of the
    file. `check`: the rules that types cannot say. It raises `DomicileError`, and the file is then not kept.
    Errors: 415 unless the body is declared as a form; those of `receive_chunks`; 413 as soon as the file is known to be too
    large; 503 when the process holds too many bodies; 400 for a form that is damaged, lacks `file`, or breaks `type_`.
    """

    def accept(members: dict[str, Any]) -> T:
        fields = converted(members, type_, from_text=True)
        check(fields)
        return fields

    return await _FormReading(request, type_, file, lists, limits, open_sink).read(accept)


async def read_form(
    request: Request, type_: type[T], *, limit_bytes: int, file: str, file_limit_bytes: int, lists: frozenset[str]
) -> T:
    """Return the form as a `type_` whose member `file` holds the file's bytes. Rules and errors of `stream_form`."""

    async def open_sink(_filename: str) -> _MemorySink:
        return _MemorySink(hold_of(request))

    reading = _FormReading(request, type_, file, lists, FormLimits(limit_bytes, file_limit_bytes), open_sink)
    members, content = await reading.read(lambda members: members)
    return converted({**members, file: content}, type_, from_text=True)


class _MemorySink:
    """Keeps a file in memory, and counts it as memory of the request's body."""

    def __init__(self, hold: BodyHold | None) -> None:
        self._hold = hold
        self._content = bytearray()

    async def write(self, data: bytes) -> None:
        _count(self._hold, len(data))
        self._content += data

    async def close(self) -> bytes:
        return bytes(self._content)

    async def abort(self) -> None:
        self._content.clear()


class _FormReading(Generic[Stored]):
    """Reads the form of one request."""

    def __init__(
        self,
        request: Request,
        type_: Any,
        file: str,
        lists: frozenset[str],
        limits: FormLimits,
        open_sink: Callable[[str], Awaitable[FileSink[Stored]]],
    ) -> None:
        self._request = request
        self._texts = frozenset(field.encode_name for field in msgspec.structs.fields(type_)) - {file}
        self._file = file
        self._lists = lists
        self._limits = limits
        self._open_sink = open_sink
        self._fields: dict[str, list[str]] = {}
        self._sink: FileSink[Stored] | None = None
        self._file_bytes = 0

    async def read(self, accept: Callable[[dict[str, Any]], T]) -> tuple[T, Stored]:
        """Return what `accept` makes of the fields, and what the sink's `close` returns."""
        content_type = self._request.headers.get("content-type", "")
        if not is_form(content_type):
            raise http_errors.unsupported_media_type(MEDIA_TYPE)
        try:
            await self._take_all(content_type)
            if self._sink is None:
                raise errors.missing_parameter(self._file)
            accepted = accept(_members(self._fields, self._lists))
            return accepted, await self._sink.close()
        except BaseException as error:
            # Cancellation too: nothing of an unfinished form is kept.
            if self._sink is not None:
                await self._sink.abort()
            if isinstance(error, UnknownFieldError):
                raise errors.unknown_parameter(error.param or "") from None
            if isinstance(error, FormError):
                raise errors.invalid_request(error.message, param=error.param, code="invalid_form") from None
            raise

    async def _take_all(self, content_type: str) -> None:
        chunks = receive_chunks(
            self._request,
            limit_bytes=self._limits.body_bytes,
            large_member=self._file,
            slowest_bytes_per_s=self._limits.slowest_bytes_per_s,
        )
        async with aclosing(chunks):
            parser: FormParser | None = None
            async for chunk in chunks:
                # Created after the first chunk, so that the errors of an encoded or too large body come first.
                parser = parser or FormParser(content_type, files=frozenset({self._file}), texts=self._texts)
                for item in parser.feed(chunk):
                    await self._take(item)
        (parser or FormParser(content_type, files=frozenset())).finish()

    async def _take(self, item: FormItem) -> None:
        match item:
            case TextField(name, value):
                _count(hold_of(self._request), len(value))
                self._fields.setdefault(name, []).append(value)
            case FileStart(filename=filename):
                self._sink = await self._open_sink(filename)
            case FilePiece(data):
                self._file_bytes += len(data)
                if self._file_bytes > self._limits.file_bytes:
                    raise http_errors.too_large(self._limits.file_bytes, self._file)
                if self._sink is not None:
                    await self._sink.write(data)
            case FileEnd():
                pass


def _count(hold: BodyHold | None, size: int) -> None:
    if hold is not None:
        hold.grow_by(size)


def _members(fields: Mapping[str, list[str]], lists: frozenset[str]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for sent, values in fields.items():
        name = sent.removesuffix("[]")
        if name in lists:
            # A list of one is a list all the same.
            members.setdefault(name, []).extend(values)
        else:
            members[sent] = values[0] if len(values) == 1 and sent == name else values
    return members
