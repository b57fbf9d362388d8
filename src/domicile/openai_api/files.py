"""/v1/files: the form, closed, and the objects of the answers (OpenAI's specification 2.3.0).

`CreateFileRequest`, `FileExpirationAfter`, `OpenAIFile`, `ListFilesResponse`, `DeleteFileResponse`.
"""

import unicodedata
from typing import Annotated, Literal, get_args

from msgspec import UNSET, Meta, Struct, UnsetType

from domicile.kernel import errors
from domicile.openai_api.closed import Closed

FILE_BYTES_MAX = 512 * 1024 * 1024
"""The specification says 512 MB: the larger reading of it."""
FILE_ID_PREFIX = "file-"
BATCH_LIFETIME_S = 30 * 24 * 60 * 60
"""By default, files of batches expire after 30 days, and all others are kept."""
NAME_LENGTH_MAX = 255
"""In characters."""
DEFAULT_NAME = "upload"
"""As official clients call a file of which they know only the bytes."""

UploadPurpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
Purpose = Literal[UploadPurpose, "assistants_output", "batch_output", "fine-tune-results"]
PURPOSES: tuple[str, ...] = get_args(Purpose)
Lifetime = Annotated[int, Meta(ge=3600, le=2_592_000)]
"""In seconds: an hour to 30 days."""


class FileForm(
    Closed,
    frozen=True,
    kw_only=True,
    rename={"anchor": "expires_after[anchor]", "lifetime_s": "expires_after[seconds]"},
):
    """The fields of an upload beside its file."""

    purpose: UploadPurpose
    anchor: Literal["created_at"] | None = None
    lifetime_s: Lifetime | None = None


class FileObject(Struct, frozen=True, kw_only=True, tag_field="object", tag="file"):
    """One file."""

    id: str
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["uploaded", "processed", "error"] = "processed"
    expires_at: int | UnsetType = UNSET


class FileList(Struct, frozen=True, tag_field="object", tag="list"):
    """One page of a project's files."""

    data: tuple[FileObject, ...]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedFile(Struct, frozen=True, tag_field="object", tag="file"):
    """What is left of a file that was deleted."""

    id: str
    deleted: bool = True


def check_file_form(form: FileForm) -> None:
    """The rules that types cannot say. Raises `DomicileError` 400 with the field at fault."""
    check_purpose(form.purpose)
    if form.anchor is None and form.lifetime_s is not None:
        raise errors.missing_parameter("expires_after[anchor]")
    if form.anchor is not None and form.lifetime_s is None:
        raise errors.missing_parameter("expires_after[seconds]")


def check_purpose(purpose: str) -> None:
    """Raises 400 for a purpose that leads nowhere here."""
    if purpose == "assistants":
        raise errors.invalid_value(
            "Files for the Assistants API are not accepted: it is not served here. Send 'purpose': 'user_data' to keep a file.",
            "purpose",
        )


def check_name(name: str, param: str) -> None:
    """Raises 400 for a file's name that is too long, or that holds control characters. `param`: the member it stands in."""
    if len(name) > NAME_LENGTH_MAX:
        raise errors.invalid_value(f"The name of a file may have at most {NAME_LENGTH_MAX} characters.", param)
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise errors.invalid_value("The name of a file must not hold control characters.", param)


def lifetime_of(purpose: str, lifetime_s: int | None) -> int | None:
    """For how many seconds a file is kept. None: until it is deleted."""
    return BATCH_LIFETIME_S if lifetime_s is None and purpose == "batch" else lifetime_s
