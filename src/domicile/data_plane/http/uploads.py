"""/v1/uploads: a file in parts of at most 64 MiB, in any order and in parallel."""

from msgspec import UNSET
from starlette.requests import Request

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.files.content import READING_BYTES
from domicile.data_plane.files.uploads import StoredUpload, UploadService
from domicile.data_plane.http.answer import Answer, json_answer
from domicile.data_plane.http.files import SLOWEST_BYTES_PER_S, WRITING_BYTES, count_memory, shown
from domicile.data_plane.http.streaming import while_connected
from domicile.data_plane.inference.request_context import RequestContext
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.storing import StorageAdmission, admit_storing
from domicile.data_plane.storage.objects import ObjectWriter
from domicile.kernel.clock import seconds
from domicile.openai_api.uploads import (
    PART_BYTES_MAX,
    CompleteUploadRequest,
    PartForm,
    Upload,
    UploadPart,
    UploadRequest,
    check_upload_request,
)
from domicile.web.bodies.body_limits import body_limit
from domicile.web.bodies.form_stream import FormLimits, stream_form
from domicile.web.bodies.reading import read_json

BODY_LIMIT_BYTES = body_limit("/v1/uploads")
PART_LIMITS = FormLimits(body_limit("/v1/uploads/{upload_id}/parts"), PART_BYTES_MAX, SLOWEST_BYTES_PER_S)


class Uploads:
    """The handlers of these paths. An upload becomes a file, so the rules of `/v1/files` admit it."""

    def __init__(self, policy: ResidencyPolicy, uploads: UploadService) -> None:
        self._policy = policy
        self._uploads = uploads

    async def create(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Begin an upload."""
        admission = self._admit(caller)
        wanted = await read_json(request, UploadRequest, limit_bytes=BODY_LIMIT_BYTES)
        check_upload_request(wanted)
        return json_answer(upload_shown(await self._uploads.create(admission, wanted)))

    async def add_part(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Store a part, sealed while it arrives."""
        admission, upload_id = self._admit(caller), request.path_params["upload_id"]

        async def begin(_name: str) -> ObjectWriter:
            count_memory(request, WRITING_BYTES)
            return await self._uploads.begin_part(admission, upload_id)

        _, content = await stream_form(
            request, PartForm, file="data", lists=frozenset(), limits=PART_LIMITS, open_sink=begin
        )
        part = await self._uploads.add_part(admission, upload_id, content)
        return json_answer(UploadPart(id=part.part_id, created_at=seconds(part.created_at_ms), upload_id=upload_id))

    async def complete(self, request: Request, caller: Caller, context: RequestContext) -> Answer:
        """Make the file of its parts."""
        admission = self._admit(caller)
        wanted = await read_json(request, CompleteUploadRequest, limit_bytes=BODY_LIMIT_BYTES)
        if wanted.md5 is not None:
            # All of the content is read.
            count_memory(request, READING_BYTES)
        completing = self._uploads.complete(admission, request.path_params["upload_id"], wanted)
        return json_answer(upload_shown(await while_connected(request.receive, completing, context.cancellation)))

    async def cancel(self, request: Request, caller: Caller, _context: RequestContext) -> Answer:
        """Give an upload up. It needs no agreement, as deleting needs none."""
        return json_answer(upload_shown(await self._uploads.cancel(caller, request.path_params["upload_id"])))

    def _admit(self, caller: Caller) -> StorageAdmission:
        return admit_storing(self._policy, caller, Endpoint.FILES)


def upload_shown(upload: StoredUpload) -> Upload:
    """An upload as the API shows it."""
    return Upload(
        id=upload.upload_id,
        bytes=upload.size_bytes,
        created_at=seconds(upload.created_at_ms),
        filename=upload.name,
        purpose=upload.purpose,
        status=upload.status,
        expires_at=seconds(upload.expires_at_ms),
        file=UNSET if upload.file is None else shown(upload.file),
    )
