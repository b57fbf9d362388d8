"""Stores, lists, reads and deletes files of projects. A file of another project is as unknown as one that never was."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.files import repository
from domicile.data_plane.files.content import begin_reading, readable, storable, storing
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.record import StoredFile, new_record, open_record
from domicile.data_plane.files.repository import FileRecord
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.storing import StorageAdmission
from domicile.data_plane.storage.objects import Objects, ObjectWriter, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.kernel.ids import is_id, made_at_ms
from domicile.kernel.paging import Window
from domicile.openai_api.files import DEFAULT_NAME, FILE_ID_PREFIX, check_name
from domicile.persistence.database import Database
from domicile.process.off_loop import off_loop

log = structlog.get_logger("files")

SWEEP_S = 60.0
_SWEPT_AT_ONCE = 50
# Opening one sealed name takes about as long as reading so many bytes of JSON.
_NAME_COST_BYTES = 512


@dataclass(frozen=True, slots=True)
class FilePage:
    """A part of a project's list."""

    files: Sequence[StoredFile]
    has_more: bool


@dataclass(frozen=True, slots=True)
class FileContent:
    """A file, and the objects that hold its content, in order."""

    file: StoredFile
    parts: Sequence[StoredObject]


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """The content of a file that is not stored yet, and the client's name of it."""

    name: str
    content: StoredObject


class IncomingFile:
    """Seals a file while it arrives. It is a `FileSink`."""

    def __init__(self, name: str, writer: ObjectWriter, quota: StorageQuota, room_bytes: int) -> None:
        self._name = name
        self._writer = writer
        self._quota = quota
        self._room_bytes = room_bytes

    async def write(self, data: bytes) -> None:
        # What is certain to be refused in the end is refused now.
        self._room_bytes -= len(data)
        if self._room_bytes < 0:
            raise self._quota.no_room()
        await self._writer.write(data)

    async def close(self) -> ReceivedFile:
        return ReceivedFile(self._name, await self._writer.close())

    async def abort(self) -> None:
        await self._writer.abort()


class FileService:
    """The files of one region. Raises the errors of the database, the object store and the keys too: all are 503."""

    def __init__(
        self, database: Database, objects: Objects, keys: ProjectKeys, clock: Clock, quota: StorageQuota
    ) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._quota = quota

    async def begin(self, admission: StorageAdmission, name: str) -> IncomingFile:
        """Begin a file. Raises 400 for its name, 404 for a destroyed project, and 413 when it has all the files that it may."""
        check_name(name, "file")
        async with self._database.reading() as connection:
            room_bytes = await self._quota.room_bytes(connection, admission.project_id)
        with storable(admission.project_id):
            writer = await self._objects.write(admission.project_id)
        return IncomingFile(name or DEFAULT_NAME, writer, self._quota, room_bytes)

    async def create(
        self, admission: StorageAdmission, received: ReceivedFile, *, purpose: str, lifetime_s: int | None
    ) -> StoredFile:
        """Store a file that has arrived. If that fails, nothing of it stays. Raises 413 when there is no room for it."""
        async with storing(self._objects, received.content):
            project_key = await self._keys.of_new_content(admission.project_id)
            record = new_record(
                project_key,
                name=received.name,
                purpose=purpose,
                size_bytes=received.content.size_bytes,
                lifetime_s=lifetime_s,
                now_ms=self._clock.now_ms(),
            )
            async with self._database.transaction() as connection:
                await self._quota.require_room(connection, record.project_id, record.size_bytes)
                await self._objects.keep(connection, received.content)
                await repository.insert_file(connection, record, [received.content])
        return open_record(project_key, record)

    async def page(self, caller: Caller, part: Window, purpose: str | None) -> FilePage:
        """Part of the project's files. Raises 400 for a cursor that is not the id of a file.

        The cursor may be a file that is gone: its id says where the list goes on.
        """
        cursor_ms = None if part.after is None else made_at_ms(FILE_ID_PREFIX, part.after)
        if part.after is not None and cursor_ms is None:
            raise errors.invalid_value("'after' must be the id of a file.", "after")
        project_id = caller.project.project_id
        async with self._database.reading() as connection:
            records, has_more = await repository.list_files(
                connection, project_id, part, cursor_ms=cursor_ms, purpose=purpose, now_ms=self._clock.now_ms()
            )
        return FilePage(await self._open(project_id, records), has_more)

    async def get(self, caller: Caller, file_id: str) -> StoredFile:
        """The project's file. Raises 404."""
        async with self._database.reading() as connection:
            record = await self._found(connection, caller, file_id)
        return (await self._open(record.project_id, [record]))[0]

    async def content(self, caller: Caller, file_id: str) -> FileContent:
        """The project's file, to be read. Raises 404."""
        async with self._database.reading() as connection:
            record = await self._found(connection, caller, file_id)
            parts = await repository.parts_of(connection, record)
        return FileContent((await self._open(record.project_id, [record]))[0], parts)

    async def read(self, content: FileContent, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes `start` to `end` (exclusive) of the file, as of `begin_reading`."""
        return await begin_reading(self._objects, content.parts, start, end)

    async def delete(self, caller: Caller, file_id: str) -> None:
        """Delete the file for ever, its name and its bytes. Raises 404."""
        async with self._database.transaction() as connection:
            record = await self._found(connection, caller, file_id)
            object_ids = await self._delete(connection, [record.file_id])
        await self._objects.delete_now_or_later(object_ids)

    async def destroy(self, project_id: str) -> None:
        """Delete the rows of a destroyed project's files. See `Destroyer`. Their objects have a destroyer of their own."""
        while True:
            async with self._database.transaction() as connection:
                file_ids = await repository.some_of(connection, project_id, limit=_SWEPT_AT_ONCE)
                if not file_ids:
                    return
                await repository.delete_files(connection, file_ids)

    async def sweep(self) -> None:
        """Delete files that have expired, a few at a time. Their objects are swept after them."""
        while True:
            async with self._database.transaction() as connection:
                now_ms = self._clock.now_ms()
                file_ids = await repository.some_expired(connection, now_ms=now_ms, limit=_SWEPT_AT_ONCE)
                if not file_ids:
                    return
                await self._delete(connection, file_ids)

    async def run(self) -> None:
        """Sweep once a minute, until cancelled. What has expired is not served meanwhile."""
        while True:
            try:
                await self.sweep()
            except (SQLAlchemyError, OSError) as error:
                log.error("files_not_swept", type=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _found(self, connection: AsyncConnection, caller: Caller, file_id: str) -> FileRecord:
        project_id, now_ms = caller.project.project_id, self._clock.now_ms()
        # Other texts do not reach the database.
        may_be = is_id(FILE_ID_PREFIX, file_id)
        record = await repository.find_file(connection, project_id, file_id, now_ms=now_ms) if may_be else None
        if record is None:
            raise errors.not_found("File object", file_id)
        return record

    async def _delete(self, connection: AsyncConnection, file_ids: Sequence[str]) -> list[str]:
        object_ids = await repository.delete_files(connection, file_ids)
        return await self._objects.release(connection, object_ids)

    async def _open(self, project_id: str, records: Sequence[FileRecord]) -> list[StoredFile]:
        if not records:
            return []
        with readable():
            project_key = await self._keys.of(project_id)
            return await off_loop(
                lambda: [open_record(project_key, record) for record in records],
                len(records) * _NAME_COST_BYTES,
                project_id,
            )
