"""Objects of projects: written as a stream, sealed under a key of their own, read whole or in part, deleted for good.

The row of an object is written before its bytes and deleted after them, so that a crash leaves no bytes that nobody knows of:
what was never kept, or not wholly deleted, is swept.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import structlog
from sqlalchemy import ColumnElement, case, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.object_store import (
    UNFINISHED_S,
    ObjectMissingError,
    ObjectStore,
    ObjectStoreUnavailableError,
)
from domicile.data_plane.storage.object_stores import (
    CustomerBucket,
    ExternalStorageUnavailableError,
    ObjectStores,
    bucket_of,
)
from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.sealing import KEY_BYTES, ObjectKey, Segments, seal, segments_of, unseal
from domicile.data_plane.tables import destroyed_project, stored_object
from domicile.kernel.clock import Clock
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database

log = structlog.get_logger("objects")

WRITING_MS_MAX = 6 * 60 * 60 * 1000
"""How long one object may take to write. An older one that is not whole belongs to a process that was killed."""
SWEEP_S = 60.0
_SWEPT_AT_ONCE = 50
_BUCKETS_AT_ONCE = 4
_SEGMENTS_AT_ONCE = 4
"""4 MiB a read, and the next one is under way while this one is sent."""


class ObjectState(StrEnum):
    """Where an object is in its life."""

    WRITING = "writing"
    WHOLE = "whole"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object whose bytes are in the store. It stays only if it is kept (`Objects.keep`)."""

    object_id: str
    project_id: str
    size_bytes: int
    bucket: CustomerBucket | None = field(default=None, compare=False)
    """Where a new one lies. Its row tells it of all others."""


@dataclass(frozen=True, slots=True)
class _PlacedObject:
    """An object, and where its bytes lie."""

    object_id: str
    project_id: str
    bucket: CustomerBucket | None


class WriteAbortedError(Exception):
    """Ends an upload from inside: the store then leaves no part of it behind."""


class ObjectWriter:
    """Writes one object as a stream. A `FileSink`: ends with one `close` that succeeds, or else with one `abort`."""

    def __init__(self, objects: "Objects", store: ObjectStore, bucket: CustomerBucket | None, key: ObjectKey) -> None:
        self._objects = objects
        self._placed = _PlacedObject(key.object_id, key.project_id, bucket)
        self._size = 0
        # One piece: who writes waits until the store has taken the piece before.
        self._pieces: asyncio.Queue[bytes | WriteAbortedError | None] = asyncio.Queue(1)
        self._upload = asyncio.create_task(store.put(key.object_id, seal(self._source(), key)))

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises the store's error as soon as it is known."""
        self._size += len(data)
        await self._hand_over(data)

    async def close(self) -> StoredObject:
        """Finish the upload. The object is whole in the store, and is swept unless it is kept."""
        await self._hand_over(None)
        # Never cancelled: a cancelled upload may leave parts behind.
        await asyncio.shield(self._upload)
        placed = self._placed
        return StoredObject(placed.object_id, placed.project_id, self._size, placed.bucket)

    async def abort(self) -> None:
        """Leave nothing in the store. Raises nothing: what cannot be deleted now is swept."""
        await asyncio.shield(self._abort())

    async def _abort(self) -> None:
        while not self._upload.done():
            # The source raises at its next piece, and the store then drops what it has.
            if self._pieces.full():
                self._pieces.get_nowait()
            self._pieces.put_nowait(WriteAbortedError())
            await asyncio.wait({self._upload})
        if not self._upload.cancelled():
            # Looked at, so that nothing is logged about it.
            self._upload.exception()
        await self._objects.abandon(self._placed)

    async def _hand_over(self, piece: bytes | None) -> None:
        handing = asyncio.create_task(self._pieces.put(piece))
        try:
            await asyncio.wait({handing, self._upload}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not handing.done():
                handing.cancel()
        if self._upload.done():
            self._upload.result()

    async def _source(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, WriteAbortedError):
                raise piece
            yield piece


class Objects:
    """The objects of this region's projects. Its methods raise the errors of the store, the key store and the database."""

    def __init__(self, stores: ObjectStores, keys: ProjectKeys, database: Database, clock: Clock) -> None:
        self._stores = stores
        self._keys = keys
        self._database = database
        self._clock = clock

    async def write(self, project_id: str) -> ObjectWriter:
        """Begin an object of the project. Raises `ProjectDestroyedError`."""
        object_id, key = new_id("obj_"), os.urandom(KEY_BYTES)
        bucket = await self._stores.for_new_content(project_id)
        store = self._stores.store(project_id, bucket)
        project_key = await self._keys.of_new_content(project_id)
        row = {
            "object_id": object_id,
            "project_id": project_id,
            "state": ObjectState.WRITING.value,
            "size_bytes": 0,
            "wrapped_key": project_key.wrap_object_key(object_id, key),
            "changed_at_ms": self._clock.now_ms(),
            "bucket": None if bucket is None else bucket.name,
            "signing_region": None if bucket is None else bucket.signing_region,
        }
        async with self._database.appending() as connection:
            await connection.execute(insert(stored_object).values(row))
        return ObjectWriter(self, store, bucket, ObjectKey(key, project_id, object_id))

    async def keep(self, connection: AsyncConnection, stored: StoredObject) -> None:
        """Make the object stay, in the transaction that writes what refers to it. Raises `ProjectDestroyedError`."""
        table = stored_object
        gone = select(destroyed_project.c.project_id).where(destroyed_project.c.project_id == stored.project_id)
        whole = update(table).where(table.c.object_id == stored.object_id, table.c.state == ObjectState.WRITING.value)
        values = {
            "state": ObjectState.WHOLE.value,
            "size_bytes": stored.size_bytes,
            "changed_at_ms": self._clock.now_ms(),
        }
        if (await connection.execute(gone)).first() or (await connection.execute(whole.values(values))).rowcount != 1:
            raise ProjectDestroyedError

    async def read(self, stored: StoredObject, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes `start` to `end` (exclusive) in pieces of at most 4 MiB.

        Raises `ProjectKeyGoneError`, `WrongKeyError`, `ObjectMissingError` and `DamagedObjectError` too, all before the first
        piece where they concern the whole object.
        """
        end = stored.size_bytes if end is None else end
        key, store = await self._key_and_store(stored)
        waiting = list(segments_of(stored.size_bytes, start, end, at_once=_SEGMENTS_AT_ONCE))
        ahead = asyncio.create_task(_segments(store, waiting[0], key))
        try:
            for index, segments in enumerate(waiting):
                plain = await ahead
                if index + 1 < len(waiting):
                    ahead = asyncio.create_task(_segments(store, waiting[index + 1], key))
                skipped = segments.plain_start
                piece = plain[max(0, start - skipped) : end - skipped]
                if piece:
                    yield piece
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def hold(self, connection: AsyncConnection, object_ids: Sequence[str]) -> bool:
        """Keep the bytes for one more row that refers to them, in the transaction that writes it. False: some are gone.

        Each `hold` ends with a `release`.
        """
        table = stored_object
        whole = table.c.object_id.in_(object_ids) & (table.c.state == ObjectState.WHOLE.value)
        held = update(table).where(whole).values(holders=table.c.holders + 1)
        return (await connection.execute(held)).rowcount == len(object_ids)

    async def release(self, connection: AsyncConnection, object_ids: Sequence[str]) -> list[str]:
        """Let go of objects, in the transaction that deletes what refers to them.

        Return those that nobody holds any more: nobody can read them from then on, and they are to be deleted.
        """
        table = stored_object
        state = case((table.c.holders <= 1, ObjectState.DELETING.value), else_=table.c.state)
        values = {"holders": table.c.holders - 1, "state": state, "changed_at_ms": self._clock.now_ms()}
        chosen = table.c.object_id.in_(object_ids)
        await connection.execute(update(table).where(chosen).values(values))
        unheld = select(table.c.object_id).where(chosen, table.c.state == ObjectState.DELETING.value)
        return list((await connection.execute(unheld)).scalars())

    async def discard(self, stored: StoredObject) -> None:
        """Delete an object unless it was kept: of a transaction that failed, nobody may know whether it did.

        Raises nothing. What cannot be deleted now is swept.
        """
        table = stored_object
        this = table.c.object_id == stored.object_id
        values = {"state": ObjectState.DELETING.value, "changed_at_ms": self._clock.now_ms()}
        unkept = update(table).where(this, table.c.state == ObjectState.WRITING.value).values(values)
        try:
            async with self._database.transaction() as connection:
                is_unkept = (await connection.execute(unkept)).rowcount
                is_known = (await connection.execute(select(table.c.state).where(this))).first()
        except SQLAlchemyError as error:
            log.warning("object_not_deleted_yet", type=type(error).__name__)
            return
        if is_unkept or not is_known:
            # Its row is gone when its project was destroyed while it was written. Then its bytes came after the destruction.
            await self.abandon(_PlacedObject(stored.object_id, stored.project_id, stored.bucket))

    async def abandon(self, placed: _PlacedObject) -> None:
        """Delete an object that was never kept, its row or not. Raises nothing: what cannot be deleted now is swept."""
        try:
            await self._delete([placed])
        except (SQLAlchemyError, DependencyUnavailableError) as error:
            log.warning("object_not_deleted_yet", type=type(error).__name__)

    async def delete_now_or_later(self, object_ids: Sequence[str]) -> None:
        """Delete objects that were released. Raises nothing: what cannot be deleted now is swept."""
        try:
            await self.delete(object_ids)
        except (SQLAlchemyError, DependencyUnavailableError) as error:
            log.warning("object_not_deleted_yet", type=type(error).__name__)

    async def delete(self, object_ids: Sequence[str]) -> None:
        """Delete the bytes of objects, then their rows. Raises after all are tried: a store that is away stops no other."""
        failed: ObjectStoreUnavailableError | None = None
        found = await self._placed(stored_object.c.object_id.in_(object_ids))
        for bucket in {each.bucket for each in found}:
            try:
                await self._delete([each for each in found if each.bucket == bucket])
            except ObjectStoreUnavailableError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    async def destroy(self, project_id: str) -> None:
        """Delete all objects of a destroyed project, those that are being written too. See `Destroyer`.

        What a customer's bucket does not let the region delete is left to the sweep: nothing opens it any more.
        """
        table = stored_object
        of_project = table.c.project_id == project_id
        await self._delete_all(of_project & table.c.bucket.is_(None))
        try:
            await self._delete_all(of_project)
        except ExternalStorageUnavailableError as error:
            log.warning("object_not_deleted_yet", type=type(error).__name__, reason=str(error))
            left = of_project & table.c.bucket.is_not(None)
            values = {"state": ObjectState.DELETING.value, "changed_at_ms": self._clock.now_ms()}
            async with self._database.transaction() as connection:
                await connection.execute(update(table).where(left).values(values))

    async def sweep(self) -> None:
        """Delete what was released, and what was never kept. A customer's bucket that is away stops no other store."""
        table = stored_object
        dead_ms = self._clock.now_ms() - WRITING_MS_MAX
        unkept = (table.c.state == ObjectState.WRITING.value) & (table.c.changed_at_ms < dead_ms)
        dead = (table.c.state == ObjectState.DELETING.value) | unkept
        await _together(self._delete_all(dead & table.c.bucket.is_(None)), self._sweep_buckets(dead))

    async def _sweep_buckets(self, dead: ColumnElement[bool]) -> None:
        """Some of each bucket in turn, so that a bucket with much to delete holds up no other."""
        table, gate = stored_object, asyncio.Semaphore(_BUCKETS_AT_ONCE)
        away: set[CustomerBucket] = set()

        async def sweep_some(bucket: CustomerBucket) -> None:
            in_bucket = (table.c.bucket == bucket.name) & (table.c.signing_region == bucket.signing_region)
            async with gate:
                try:
                    await self._delete(await self._some(dead & in_bucket))
                except ObjectStoreUnavailableError as error:
                    away.add(bucket)
                    log.warning("bucket_not_swept", type=type(error).__name__, reason=str(error))

        while True:
            query = select(table.c.bucket, table.c.signing_region).where(dead, table.c.bucket.is_not(None)).distinct()
            async with self._database.reading() as connection:
                found = {CustomerBucket(*row) for row in (await connection.execute(query)).all()}
            if not found - away:
                return
            await _together(*(sweep_some(bucket) for bucket in sorted(found - away)))

    async def run(self) -> None:
        """Sweep once a minute, and what the store shows of unfinished uploads once an hour, until cancelled."""
        loop, store_swept_at = asyncio.get_running_loop(), float("-inf")
        while True:
            try:
                await self.sweep()
                if loop.time() - store_swept_at >= UNFINISHED_S:
                    await self._stores.own.sweep()
                    store_swept_at = loop.time()
            except (SQLAlchemyError, ObjectStoreUnavailableError, OSError) as error:
                log.error("objects_not_swept", type=type(error).__name__)
            await asyncio.sleep(SWEEP_S)

    async def _key_and_store(self, stored: StoredObject) -> tuple[ObjectKey, ObjectStore]:
        table = stored_object
        query = select(table.c.wrapped_key, table.c.bucket, table.c.signing_region).where(
            table.c.object_id == stored.object_id, table.c.state == ObjectState.WHOLE.value
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise ObjectMissingError
        store = self._stores.store(stored.project_id, bucket_of(row.bucket, row.signing_region))
        project_key = await self._keys.of(stored.project_id)
        key = project_key.unwrap_object_key(stored.object_id, row.wrapped_key)
        return ObjectKey(key, stored.project_id, stored.object_id), store

    async def _delete_all(self, condition: ColumnElement[bool]) -> None:
        while found := await self._some(condition):
            await self._delete(found)

    async def _delete(self, found: Sequence[_PlacedObject]) -> None:
        for each in found:
            await self._stores.store(each.project_id, each.bucket).delete(each.object_id)
        object_ids = [each.object_id for each in found]
        async with self._database.transaction() as connection:
            await connection.execute(delete(stored_object).where(stored_object.c.object_id.in_(object_ids)))

    async def _some(self, condition: ColumnElement[bool]) -> list[_PlacedObject]:
        return await self._placed(condition, limit=_SWEPT_AT_ONCE)

    async def _placed(self, condition: ColumnElement[bool], *, limit: int | None = None) -> list[_PlacedObject]:
        table = stored_object
        query = select(table.c.object_id, table.c.project_id, table.c.bucket, table.c.signing_region).where(condition)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.limit(limit))).all()
        return [_PlacedObject(row[0], row[1], bucket_of(row[2], row[3])) for row in rows]


async def _together(*works: Coroutine[Any, Any, None]) -> None:
    """Wait for all, and then raise the first error: one that fails stops no other."""
    for failed in await asyncio.gather(*works, return_exceptions=True):
        if failed is not None:
            raise failed


async def _segments(store: ObjectStore, segments: Segments, key: ObjectKey) -> bytes:
    stored = await store.read(key.object_id, segments.stored_start, segments.stored_end)
    return await unseal(stored, segments, key)
