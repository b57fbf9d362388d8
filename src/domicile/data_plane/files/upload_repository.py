"""Rows of uploads and of their parts. Every query is bound to one project or one upload of it, the sweep's apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.objects import StoredObject
from domicile.data_plane.tables import upload, upload_part
from domicile.openai_api.uploads import UploadStatus


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An upload as it is stored."""

    upload_id: str
    project_id: str
    status: UploadStatus
    purpose: str
    size_bytes: int
    lifetime_s: int | None
    created_at_ms: int
    expires_at_ms: int
    sealed_name: bytes
    file_id: str | None = None


@dataclass(frozen=True, slots=True)
class UploadedPart:
    """A part, and the object that holds it."""

    part_id: str
    content: StoredObject


async def insert_upload(connection: AsyncConnection, record: UploadRecord) -> None:
    """Store a new upload."""
    await connection.execute(
        insert(upload).values(
            id=record.upload_id,
            project_id=record.project_id,
            status=record.status,
            purpose=record.purpose,
            size_bytes=record.size_bytes,
            lifetime_s=record.lifetime_s,
            created_at_ms=record.created_at_ms,
            expires_at_ms=record.expires_at_ms,
            sealed_name=record.sealed_name,
        )
    )


async def find_upload(connection: AsyncConnection, project_id: str, upload_id: str) -> UploadRecord | None:
    """The project's upload. None when it is unknown, or another project's."""
    query = select(upload).where(upload.c.id == upload_id, upload.c.project_id == project_id)
    row = (await connection.execute(query)).first()
    return None if row is None else _record(row)


async def end_upload(
    connection: AsyncConnection, record: UploadRecord, status: UploadStatus, *, file_id: str | None = None
) -> None:
    """Set how the upload has ended. A file has the name from then on."""
    values = {"status": status, "file_id": file_id}
    name = {} if file_id is None else {"sealed_name": b""}
    await connection.execute(update(upload).where(upload.c.id == record.upload_id).values(**values, **name))


async def insert_part(connection: AsyncConnection, upload_id: str, part: UploadedPart) -> None:
    """Store a new part."""
    await connection.execute(
        insert(upload_part).values(
            id=part.part_id,
            upload_id=upload_id,
            object_id=part.content.object_id,
            size_bytes=part.content.size_bytes,
        )
    )


async def measure_parts(connection: AsyncConnection, upload_id: str) -> tuple[int, int]:
    """How many parts the upload has, and how many bytes they have together."""
    query = select(func.count(), func.coalesce(func.sum(upload_part.c.size_bytes), 0))
    count, size_bytes = (await connection.execute(query.where(upload_part.c.upload_id == upload_id))).one()
    return count, int(size_bytes)


async def list_parts(connection: AsyncConnection, record: UploadRecord) -> dict[str, UploadedPart]:
    """The upload's parts by their ids."""
    rows = (await connection.execute(select(upload_part).where(upload_part.c.upload_id == record.upload_id))).all()
    return {
        row.id: UploadedPart(row.id, StoredObject(row.object_id, record.project_id, row.size_bytes)) for row in rows
    }


async def delete_parts(connection: AsyncConnection, part_ids: Sequence[str]) -> None:
    """Delete the rows of parts. Their objects are the caller's to release."""
    await connection.execute(delete(upload_part).where(upload_part.c.id.in_(part_ids)))


async def some_pending_expired(connection: AsyncConnection, *, now_ms: int, limit: int) -> list[UploadRecord]:
    """Uploads of any project whose time is over, and that have not ended."""
    query = select(upload).where(upload.c.expires_at_ms <= now_ms, upload.c.status == "pending").limit(limit)
    return [_record(row) for row in (await connection.execute(query)).all()]


async def delete_ended(connection: AsyncConnection, *, expired_by_ms: int, limit: int) -> int:
    """Delete some rows of uploads that have ended and were to expire by then. Return how many."""
    query = select(upload.c.id).where(upload.c.expires_at_ms <= expired_by_ms, upload.c.status != "pending")
    return await _delete_uploads(connection, list((await connection.execute(query.limit(limit))).scalars()))


async def delete_some_of(connection: AsyncConnection, project_id: str, *, limit: int) -> int:
    """Delete some of the project's uploads, and return how many. Their objects are not released."""
    query = select(upload.c.id).where(upload.c.project_id == project_id).limit(limit)
    return await _delete_uploads(connection, list((await connection.execute(query)).scalars()))


async def _delete_uploads(connection: AsyncConnection, upload_ids: Sequence[str]) -> int:
    await connection.execute(delete(upload_part).where(upload_part.c.upload_id.in_(upload_ids)))
    await connection.execute(delete(upload).where(upload.c.id.in_(upload_ids)))
    return len(upload_ids)


def _record(row: Row[*tuple[Any, ...]]) -> UploadRecord:
    return UploadRecord(
        upload_id=row.id,
        project_id=row.project_id,
        status=row.status,
        purpose=row.purpose,
        size_bytes=row.size_bytes,
        lifetime_s=row.lifetime_s,
        created_at_ms=row.created_at_ms,
        expires_at_ms=row.expires_at_ms,
        sealed_name=row.sealed_name,
        file_id=row.file_id,
    )
