"""Files that arrive in parts. A part is a sealed object of its own; the file is the list of them, so no byte moves twice."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane import region_errors
from domicile.data_plane.files import repository, upload_repository
from domicile.data_plane.files.content import begin_reading, readable, storable, storing
from domicile.data_plane.files.quota import StorageQuota
from domicile.data_plane.files.record import StoredFile, new_record, open_record
from domicile.data_plane.files.repository import FileRecord
from domicile.data_plane.files.upload_repository import UploadedPart, UploadRecord
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.storing import StorageAdmission
from domicile.data_plane.storage.objects import Objects, ObjectWriter, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKey, ProjectKeys
from domicile.kernel import errors
from domicile.kernel.clock import Clock
from domicile.kernel.ids import is_id, new_id
from domicile.openai_api.uploads import (
    PARTS_MAX,
    UPLOAD_LIFETIME_S,
    CompleteUploadRequest,
    UploadRequest,
    UploadStatus,
)
from domicile.persistence.database import Database
from domicile.process.off_loop import off_loop

log = structlog.get_logger("uploads")

SWEEP_S = 60.0
KEPT_MS = 24 * 60 * 60 * 1000
"""How long the row of an ended upload stays after its hour: it tells a client that asks again how the upload ended."""
_SWEPT_AT_ONCE = 50
_ID_PREFIX = "upload_"


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """An upload as its project sees it."""

    upload_id: str
    name: str
    purpose: str
    size_bytes: int
    status: UploadStatus
    created_at_ms: int
    expires_at_ms: int
    file: StoredFile | None = None


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part as its project sees it."""

    part_id: str
    upload_id: str
    created_at_ms: int


class UploadService:
    """The uploads of one region. Raises the errors of the database, the object store and the keys too: all are 503."""

    def __init__(
        self, database: Database, objects: Objects, keys: ProjectKeys, clock: Clock, quota: StorageQuota
    ) -> None:
        self._database = database
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._quota = quota

    async def create(self, admission: StorageAdmission, request: UploadRequest) -> StoredUpload:
        """Begin an upload, and reserve its size. Raises 413 when there is no room for it."""
        now_ms, upload_id = self._clock.now_ms(), new_id(_ID_PREFIX)
        with storable(admission.project_id):
            project_key = await self._keys.of_new_content(admission.project_id)
        record = UploadRecord(
            upload_id=upload_id,
            project_id=admission.project_id,
            status="pending",
            purpose=request.purpose,
            size_bytes=request.size_bytes,
            lifetime_s=None if request.expires_after is None else request.expires_after.seconds,
            created_at_ms=now_ms,
            expires_at_ms=now_ms + UPLOAD_LIFETIME_S * 1000,
            sealed_name=project_key.seal_text(_place_of_name(upload_id), request.filename),
        )
        async with self._database.transaction() as connection:
            await self._quota.require_room(connection, record.project_id, record.size_bytes)
            await upload_repository.insert_upload(connection, record)
        return _shown(record, request.filename)

    async def begin_part(self, admission: StorageAdmission, upload_id: str) -> ObjectWriter:
        """Begin a part. Raises 404, 409 for an upload that has ended, and 413 when it has all the parts that it may."""
        async with self._database.reading() as connection:
            record = await self._pending(connection, admission.caller, upload_id)
            await _require_room_for_part(connection, record, size_bytes=0)
        with storable(admission.project_id):
            return await self._objects.write(admission.project_id)

    async def add_part(self, admission: StorageAdmission, upload_id: str, content: StoredObject) -> StoredPart:
        """Store a part that has arrived. If that fails, nothing of it stays. Errors as of `begin_part`."""
        part = UploadedPart(new_id("part_"), content)
        async with storing(self._objects, content), self._database.transaction() as connection:
            record = await self._pending(connection, admission.caller, upload_id)
            await _require_room_for_part(connection, record, size_bytes=content.size_bytes)
            await self._objects.keep(connection, content)
            await upload_repository.insert_part(connection, upload_id, part)
        return StoredPart(part.part_id, upload_id, self._clock.now_ms())

    async def complete(
        self, admission: StorageAdmission, upload_id: str, request: CompleteUploadRequest
    ) -> StoredUpload:
        """Make the file of the named parts. The others are deleted. The same call once more gives the same file.

        Raises 404, 409 for an upload that has ended, and 400 for parts that are not there or not as large as announced, and for
        another checksum. After a 400 the upload is pending still.
        """
        async with self._database.reading() as connection:
            record = await self._found(connection, admission.caller, upload_id)
            parts = await upload_repository.list_parts(connection, record)
            made = await self._made_before(connection, record, parts, request.part_ids)
        project_key = await self._key(record)
        if made is not None:
            file = open_record(project_key, made)
            return _shown(record, file.name, file)
        self._require_pending(record)
        named = _named(request.part_ids, parts)
        _check_size(record, named)
        if request.md5 is not None and await self._md5(named) != request.md5.lower():
            raise errors.invalid_value("The content of the parts has another MD5 checksum.", "md5")
        return await self._make_file(admission, record, named, project_key)

    async def cancel(self, caller: Caller, upload_id: str) -> StoredUpload:
        """Give the upload up, and delete its parts. Cancelled once more, it is still cancelled. Raises 404 and 409."""
        async with self._database.transaction() as connection:
            record = await self._found(connection, caller, upload_id)
            object_ids: list[str] = []
            if record.status != "cancelled":
                self._require_pending(record)
                object_ids = await self._end_without_file(connection, record, "cancelled")
        await self._objects.delete_now_or_later(object_ids)
        return _shown(replace(record, status="cancelled"), _name(await self._key(record), record))

    async def destroy(self, project_id: str) -> None:
        """Delete the rows of a destroyed project's uploads. See `Destroyer`. Their objects have a destroyer of their own."""
        deleted = _SWEPT_AT_ONCE
        while deleted == _SWEPT_AT_ONCE:
            async with self._database.transaction() as connection:
                deleted = await upload_repository.delete_some_of(connection, project_id, limit=_SWEPT_AT_ONCE)

    async def sweep(self) -> None:
        """End uploads whose hour is over, and forget those that ended a day ago. Objects are swept after them."""
        while await self._expire_some() == _SWEPT_AT_ONCE:
            pass
        while await self._forget_some() == _SWEPT_AT_ONCE:
            pass

    async def run(self) -> None:
        """Sweep once a minute, until cancelled. An upload whose hour is over takes no part meanwhile."""
        while True:
            try:
                await self.sweep()
            except (SQLAlchemyError, OSError) as error:
                log.error("uploads_not_swept", type=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _expire_some(self) -> int:
        """Return how many."""
        now_ms = self._clock.now_ms()
        async with self._database.transaction() as connection:
            found = await upload_repository.some_pending_expired(connection, now_ms=now_ms, limit=_SWEPT_AT_ONCE)
            for record in found:
                await self._end_without_file(connection, record, "expired")
        return len(found)

    async def _forget_some(self) -> int:
        """Return how many."""
        before_ms = self._clock.now_ms() - KEPT_MS
        async with self._database.transaction() as connection:
            return await upload_repository.delete_ended(connection, expired_by_ms=before_ms, limit=_SWEPT_AT_ONCE)

    async def _make_file(
        self,
        admission: StorageAdmission,
        record: UploadRecord,
        parts: Sequence[UploadedPart],
        project_key: ProjectKey,
    ) -> StoredUpload:
        file = new_record(
            project_key,
            name=_name(project_key, record),
            purpose=record.purpose,
            size_bytes=record.size_bytes,
            lifetime_s=record.lifetime_s,
            now_ms=self._clock.now_ms(),
        )
        taken = {part.part_id for part in parts}
        async with self._database.transaction() as connection:
            # Its room was reserved when it began, and another completion may have been quicker.
            await self._pending(connection, admission.caller, record.upload_id)
            stored = await upload_repository.list_parts(connection, record)
            await upload_repository.end_upload(connection, record, "completed", file_id=file.file_id)
            await repository.insert_file(connection, file, [part.content for part in parts])
            object_ids = await self._release(
                connection, [part for part in stored.values() if part.part_id not in taken]
            )
        await self._objects.delete_now_or_later(object_ids)
        made = open_record(project_key, file)
        return _shown(replace(record, status="completed"), made.name, made)

    async def _made_before(
        self,
        connection: AsyncConnection,
        record: UploadRecord,
        parts: Mapping[str, UploadedPart],
        part_ids: Sequence[str],
    ) -> FileRecord | None:
        """The file of a completion that is sent again. None for an upload that is not completed.

        Raises 409 when it was completed with other parts, or when the file is gone.
        """
        if record.file_id is None:
            return None
        now_ms = self._clock.now_ms()
        file = await repository.find_file(connection, record.project_id, record.file_id, now_ms=now_ms)
        if file is not None:
            named = [parts[part_id].content for part_id in part_ids if part_id in parts]
            if named == await repository.parts_of(connection, file):
                return file
        raise region_errors.upload_not_pending(record.status)

    async def _key(self, record: UploadRecord) -> ProjectKey:
        with readable():
            return await self._keys.of(record.project_id)

    async def _found(self, connection: AsyncConnection, caller: Caller, upload_id: str) -> UploadRecord:
        # Other texts do not reach the database.
        may_be, project_id = is_id(_ID_PREFIX, upload_id), caller.project.project_id
        record = await upload_repository.find_upload(connection, project_id, upload_id) if may_be else None
        if record is None:
            raise errors.not_found("Upload object", upload_id)
        return record

    async def _pending(self, connection: AsyncConnection, caller: Caller, upload_id: str) -> UploadRecord:
        record = await self._found(connection, caller, upload_id)
        self._require_pending(record)
        return record

    def _require_pending(self, record: UploadRecord) -> None:
        if record.status != "pending":
            raise region_errors.upload_not_pending(record.status)
        if record.expires_at_ms <= self._clock.now_ms():
            raise region_errors.upload_not_pending("expired")

    async def _end_without_file(
        self, connection: AsyncConnection, record: UploadRecord, status: UploadStatus
    ) -> list[str]:
        await upload_repository.end_upload(connection, record, status)
        parts = await upload_repository.list_parts(connection, record)
        return await self._release(connection, list(parts.values()))

    async def _release(self, connection: AsyncConnection, parts: Sequence[UploadedPart]) -> list[str]:
        object_ids = [part.content.object_id for part in parts]
        await upload_repository.delete_parts(connection, [part.part_id for part in parts])
        return await self._objects.release(connection, object_ids)

    async def _md5(self, parts: Sequence[UploadedPart]) -> str:
        """The checksum that the client may give, in hexadecimal: for integrity, not for security."""
        digest = hashlib.md5(usedforsecurity=False)
        contents = [part.content for part in parts]
        size_bytes = sum(content.size_bytes for content in contents)
        async with aclosing(await begin_reading(self._objects, contents, 0, size_bytes)) as pieces:
            async for piece in pieces:
                await off_loop(partial(digest.update, piece), len(piece), contents[0].project_id)
        return digest.hexdigest()


def _name(project_key: ProjectKey, record: UploadRecord) -> str:
    with readable():
        return project_key.open_text(_place_of_name(record.upload_id), record.sealed_name)


def _named(part_ids: Sequence[str], parts: Mapping[str, UploadedPart]) -> list[UploadedPart]:
    """The parts that are named, in order. Raises 400."""
    named: dict[str, UploadedPart] = {}
    for index, part_id in enumerate(part_ids):
        if part_id not in parts or part_id in named:
            raise errors.invalid_value(
                "This upload has no such part. Send each id that adding a part has returned, once.",
                f"part_ids[{index}]",
            )
        named[part_id] = parts[part_id]
    return list(named.values())


def _check_size(record: UploadRecord, parts: Sequence[UploadedPart]) -> None:
    size_bytes = sum(part.content.size_bytes for part in parts)
    if size_bytes != record.size_bytes:
        raise errors.invalid_value(
            f"The parts have {size_bytes} bytes together, and the upload was created for {record.size_bytes}. Add what is "
            "missing, or name other parts.",
            "part_ids",
        )


async def _require_room_for_part(connection: AsyncConnection, record: UploadRecord, *, size_bytes: int) -> None:
    """Parts may be sent again, so an upload may hold twice what was announced. Raises 413."""
    count, held_bytes = await upload_repository.measure_parts(connection, record.upload_id)
    if count >= PARTS_MAX:
        raise region_errors.upload_full(f"{PARTS_MAX} parts")
    if held_bytes + size_bytes > 2 * record.size_bytes:
        raise region_errors.upload_full(f"{2 * record.size_bytes} bytes in its parts, twice what it was created for")


def _shown(record: UploadRecord, name: str, file: StoredFile | None = None) -> StoredUpload:
    return StoredUpload(
        record.upload_id,
        name,
        record.purpose,
        record.size_bytes,
        record.status,
        record.created_at_ms,
        record.expires_at_ms,
        file,
    )


def _place_of_name(upload_id: str) -> str:
    """Binds a sealed name to its upload."""
    return f"upload.name {upload_id}"
