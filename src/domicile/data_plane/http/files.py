"""/v1/files (contract C26): upload, list, get, delete and content, whole or in part."""

from collections.abc import AsyncGenerator

from msgspec import UNSET
from starlette.requests import Request

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.files.content import READING_BYTES
from domicile.data_plane.files.record import StoredFile
from domicile.data_plane.files.service import FileService, IncomingFile
from domicile.data_plane.http.answer import Answer, StreamedAnswer, json_answer
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.storing import admit_storing
from domicile.kernel.clock import seconds
from domicile.kernel.errors import DomicileError
from domicile.kernel.paging import Order, Window
from domicile.openai_api.files import (
    FILE_BYTES_MAX,
    PURPOSES,
    DeletedFile,
    FileForm,
    FileList,
    FileObject,
    check_file_form,
)
from domicile.web.application import add_answer_header
from domicile.web.attachment import attachment
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.form_stream import FormLimits, stream_form
from domicile.web.bodies.receiving import hold_of
from domicile.web.byte_range import ByteRange, requested_range
from domicile.web.query import Query

SLOWEST_BYTES_PER_S = 64 * 1024
"""A whole file takes at most two and a half hours."""
UPLOAD_LIMITS = FormLimits(body_limit("/v1/files"), FILE_BYTES_MAX, SLOWEST_BYTES_PER_S)
WRITING_BYTES = 24 * 1024 * 1024
"""The memory that one upload takes: two parts on their way to the store, and a segment that is sealed."""
LIST_LIMIT = 10_000
"""The most files of one page, and the default, as with OpenAI."""

# It is a caller's own content, whatever it is: browsers save it, and run nothing of it. No cache keeps it.
_CONTENT_HEADERS = {
    "accept-ranges": "bytes",
    "cache-control": "private, no-store",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


class Files:
    """The handlers of these paths."""

    def __init__(self, policy: ResidencyPolicy, files: FileService) -> None:
        self._policy = policy
        self._files = files

    async def create(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Store a file, sealed while it arrives."""
        admission = admit_storing(self._policy, caller, Endpoint.FILES)

        async def begin(name: str) -> IncomingFile:
            count_memory(request, WRITING_BYTES)
            return await self._files.begin(admission, name)

        form, received = await stream_form(
            request,
            FileForm,
            file="file",
            lists=frozenset(),
            limits=UPLOAD_LIMITS,
            open_sink=begin,
            check=check_file_form,
        )
        stored = await self._files.create(admission, received, purpose=form.purpose, lifetime_s=form.lifetime_s)
        return json_answer(shown(stored))

    async def list(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """One page of the project's files, the newest first."""
        query = Query(request, {"after", "limit", "order", "purpose"})
        limit = query.integer("limit", minimum=1, maximum=LIST_LIMIT) or LIST_LIMIT
        part = Window(limit, query.text("after"), query.choice("order", Order, Order.DESCENDING))
        page = await self._files.page(caller, part, query.one_of("purpose", PURPOSES))
        files = tuple(shown(file) for file in page.files)
        first_id, last_id = (files[0].id, files[-1].id) if files else (None, None)
        return json_answer(FileList(files, first_id, last_id, page.has_more))

    async def get(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """One file, without its content."""
        return json_answer(shown(await self._files.get(caller, request.path_params["file_id"])))

    async def delete(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Delete a file for ever."""
        file_id = request.path_params["file_id"]
        await self._files.delete(caller, file_id)
        return json_answer(DeletedFile(file_id))

    async def content(self, request: Request, caller: Caller, context: RequestContext) -> StreamedAnswer:
        """The bytes of a file, or the one range that is asked for."""
        content = await self._files.content(caller, request.path_params["file_id"])
        file = content.file
        # A file never changes, so its id is as good as a checksum.
        etag = f'"{file.file_id}"'
        try:
            part = requested_range(request.headers, file.size_bytes, etag)
        except DomicileError:
            add_answer_header(request.scope, b"content-range", f"bytes */{file.size_bytes}")
            raise
        span = part or ByteRange(0, file.size_bytes)
        headers = {**_CONTENT_HEADERS, "etag": etag, "content-disposition": attachment(file.name)}
        headers["content-length"] = str(span.end - span.start)
        if part is not None:
            headers["content-range"] = part.content_range(file.size_bytes)
        pieces = no_pieces()
        if request.method != "HEAD":
            count_memory(request, READING_BYTES)
            pieces = await self._files.read(content, span.start, span.end)
        status = 200 if part is None else 206
        return StreamedAnswer(pieces, "application/octet-stream", context.cancellation, headers, status)


def shown(file: StoredFile) -> FileObject:
    """A file as the API shows it."""
    return FileObject(
        id=file.file_id,
        bytes=file.size_bytes,
        created_at=seconds(file.created_at_ms),
        filename=file.name,
        purpose=file.purpose,
        expires_at=UNSET if file.expires_at_ms is None else seconds(file.expires_at_ms),
    )


def count_memory(request: Request, size_bytes: int) -> None:
    """Count what a request holds in memory while content streams through. Raises 503 when there is no room."""
    hold = hold_of(request)
    if hold is not None:
        hold.grow_by(size_bytes)


async def no_pieces() -> AsyncGenerator[bytes, None]:
    """The content of an answer to HEAD."""
    return
    yield b""
