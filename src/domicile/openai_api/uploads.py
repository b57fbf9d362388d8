"""/v1/uploads: a file in parts. The requests, closed, and the objects of the answers (OpenAI's specification 2.3.0).

`CreateUploadRequest`, `AddUploadPartRequest`, `CompleteUploadRequest`, `Upload`, `UploadPart`.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from domicile.openai_api.closed import Closed
from domicile.openai_api.files import FileObject, Lifetime, UploadPurpose, check_name, check_purpose

UPLOAD_BYTES_MAX = 8 * 1024**3
PART_BYTES_MAX = 64 * 1024**2
"""The specification says 8 GB and 64 MB: the larger reading of both."""
PARTS_MAX = 1000
"""Of one upload. 128 parts of the largest size make the largest upload."""
UPLOAD_LIFETIME_S = 60 * 60

UploadStatus = Literal["pending", "completed", "cancelled", "expired"]


class ExpiresAfter(Closed, frozen=True):
    """When a file expires."""

    anchor: Literal["created_at"]
    seconds: Lifetime


class UploadRequest(Closed, frozen=True, kw_only=True, rename={"size_bytes": "bytes"}):
    """What is to be uploaded. Every purpose of a file may be asked for, as official clients do."""

    filename: Annotated[str, Meta(min_length=1)]
    purpose: UploadPurpose
    size_bytes: Annotated[int, Meta(ge=1, le=UPLOAD_BYTES_MAX)]
    mime_type: Annotated[str, Meta(min_length=1, max_length=255)]
    """Not kept: no purpose that is served here depends on it."""
    expires_after: ExpiresAfter | None = None


class PartForm(Closed, frozen=True):
    """The fields of a part beside its bytes: none."""


class CompleteUploadRequest(Closed, frozen=True, kw_only=True):
    """Which parts make the file, in order."""

    part_ids: Annotated[list[str], Meta(min_length=1, max_length=PARTS_MAX)]
    md5: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{32}\Z")] | None = None
    """Of the whole file, in hexadecimal."""


class Upload(Struct, frozen=True, kw_only=True, tag_field="object", tag="upload"):
    """One upload."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: UploadStatus
    expires_at: int
    file: FileObject | UnsetType = UNSET


class UploadPart(Struct, frozen=True, kw_only=True, tag_field="object", tag="upload.part"):
    """One part."""

    id: str
    created_at: int
    upload_id: str


def check_upload_request(request: UploadRequest) -> None:
    """The rules that types cannot say. Raises `DomicileError` 400 with the member at fault."""
    check_purpose(request.purpose)
    check_name(request.filename, "filename")
