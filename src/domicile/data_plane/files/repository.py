"""Rows of files. Every query is bound to one project, the sweep's apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.objects import StoredObject
from domicile.data_plane.tables import file, file_part
from domicile.kernel.paging import Order, Window


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it is stored. Its name is under the project's key."""

    file_id: str
    project_id: str
    purpose: str
    size_bytes: int
    created_at_ms: int
    expires_at_ms: int | None
    sealed_name: bytes


async def insert_file(connection: AsyncConnection, record: FileRecord, parts: Sequence[StoredObject]) -> None:
    """Store a file whose content is that of `parts`, one after the other."""
    await connection.execute(
        insert(file).values(
            id=record.file_id,
            project_id=record.project_id,
            purpose=record.purpose,
            size_bytes=record.size_bytes,
            created_at_ms=record.created_at_ms,
            expires_at_ms=record.expires_at_ms,
            sealed_name=record.sealed_name,
        )
    )
    rows = [
        {"file_id": record.file_id, "position": position, "object_id": part.object_id, "size_bytes": part.size_bytes}
        for position, part in enumerate(parts)
    ]
    await connection.execute(insert(file_part), rows)


async def find_file(connection: AsyncConnection, project_id: str, file_id: str, *, now_ms: int) -> FileRecord | None:
    """The project's file. None when it is unknown, another project's, or expired."""
    query = select(file).where(file.c.id == file_id, file.c.project_id == project_id, _lives(now_ms))
    row = (await connection.execute(query)).first()
    return None if row is None else _record(row)


async def list_files(
    connection: AsyncConnection,
    project_id: str,
    part: Window,
    *,
    cursor_ms: int | None,
    purpose: str | None,
    now_ms: int,
) -> tuple[list[FileRecord], bool]:
    """One page of the project's files, and whether more follow. `cursor_ms`: when the file of `part.after` was made."""
    conditions = [file.c.project_id == project_id, _lives(now_ms)]
    if purpose is not None:
        conditions.append(file.c.purpose == purpose)
    ascending = part.order is Order.ASCENDING
    if cursor_ms is not None:
        position, edge = tuple_(file.c.created_at_ms, file.c.id), (cursor_ms, part.after)
        conditions.append(position > edge if ascending else position < edge)
    columns = (file.c.created_at_ms, file.c.id)
    query = select(file).where(*conditions).order_by(*(each.asc() if ascending else each.desc() for each in columns))
    rows = (await connection.execute(query.limit(part.limit + 1))).all()
    return [_record(row) for row in rows[: part.limit]], len(rows) > part.limit


async def parts_of(connection: AsyncConnection, record: FileRecord) -> list[StoredObject]:
    """The objects that hold the file's content, in order."""
    query = select(file_part).where(file_part.c.file_id == record.file_id).order_by(file_part.c.position)
    rows = (await connection.execute(query)).all()
    return [StoredObject(row.object_id, record.project_id, row.size_bytes) for row in rows]


async def delete_files(connection: AsyncConnection, file_ids: Sequence[str]) -> list[str]:
    """Delete the rows of files, and return the ids of their objects."""
    query = select(file_part.c.object_id).where(file_part.c.file_id.in_(file_ids))
    object_ids = list((await connection.execute(query)).scalars())
    await connection.execute(delete(file_part).where(file_part.c.file_id.in_(file_ids)))
    await connection.execute(delete(file).where(file.c.id.in_(file_ids)))
    return object_ids


async def some_expired(connection: AsyncConnection, *, now_ms: int, limit: int) -> list[str]:
    """Ids of files of any project that have expired."""
    query = select(file.c.id).where(file.c.expires_at_ms <= now_ms).limit(limit)
    return list((await connection.execute(query)).scalars())


async def some_of(connection: AsyncConnection, project_id: str, *, limit: int) -> list[str]:
    """Ids of the project's files, expired ones too."""
    query = select(file.c.id).where(file.c.project_id == project_id).limit(limit)
    return list((await connection.execute(query)).scalars())


def _lives(now_ms: int) -> ColumnElement[bool]:
    return or_(file.c.expires_at_ms.is_(None), file.c.expires_at_ms > now_ms)


def _record(row: Row[*tuple[Any, ...]]) -> FileRecord:
    return FileRecord(
        row.id, row.project_id, row.purpose, row.size_bytes, row.created_at_ms, row.expires_at_ms, row.sealed_name
    )
