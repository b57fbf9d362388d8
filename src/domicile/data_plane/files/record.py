"""A file as its project sees it, and as the database stores it: there its name is under the project's key."""

from dataclasses import dataclass

from domicile.data_plane.files.repository import FileRecord
from domicile.data_plane.storage.project_keys import ProjectKey
from domicile.kernel.ids import new_ordered_id
from domicile.openai_api.files import FILE_ID_PREFIX, lifetime_of


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as its project sees it."""

    file_id: str
    name: str
    purpose: str
    size_bytes: int
    created_at_ms: int
    expires_at_ms: int | None


def new_record(
    project_key: ProjectKey, *, name: str, purpose: str, size_bytes: int, lifetime_s: int | None, now_ms: int
) -> FileRecord:
    """A new file, sealed. `lifetime_s`: None for that of its purpose."""
    file_id = new_ordered_id(FILE_ID_PREFIX, now_ms)
    kept_s = lifetime_of(purpose, lifetime_s)
    return FileRecord(
        file_id=file_id,
        project_id=project_key.project_id,
        purpose=purpose,
        size_bytes=size_bytes,
        created_at_ms=now_ms,
        expires_at_ms=None if kept_s is None else now_ms + kept_s * 1000,
        sealed_name=project_key.seal_text(_place_of_name(file_id), name),
    )


def open_record(project_key: ProjectKey, record: FileRecord) -> StoredFile:
    """The file with its name. Raises `WrongKeyError`."""
    return StoredFile(
        file_id=record.file_id,
        name=project_key.open_text(_place_of_name(record.file_id), record.sealed_name),
        purpose=record.purpose,
        size_bytes=record.size_bytes,
        created_at_ms=record.created_at_ms,
        expires_at_ms=record.expires_at_ms,
    )


def _place_of_name(file_id: str) -> str:
    """Binds a sealed name to its file."""
    return f"file.name {file_id}"
