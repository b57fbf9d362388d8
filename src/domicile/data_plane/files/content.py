"""The content of files: read whole or in part from the objects that hold it, and deleted where it cannot be stored."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager

import structlog

from domicile.data_plane import region_errors
from domicile.data_plane.storage.key_store import ProjectDestroyedError
from domicile.data_plane.storage.object_store import ObjectMissingError
from domicile.data_plane.storage.objects import Objects, StoredObject
from domicile.data_plane.storage.project_keys import ProjectKeyGoneError
from domicile.data_plane.storage.sealing import DamagedObjectError
from domicile.data_plane.storage.wrapping import WrongKeyError
from domicile.kernel import errors

log = structlog.get_logger("files")

READING_BYTES = 16 * 1024 * 1024
"""The memory that one reader takes: a piece that is sent and the next one, plain and sealed."""


async def begin_reading(
    objects: Objects, parts: Sequence[StoredObject], start: int, end: int
) -> AsyncGenerator[bytes, None]:
    """Return the bytes `start` to `end` (exclusive) of these objects as one, in pieces of at most 4 MiB.

    The first piece has been read when this returns, so that content that is missing is 503 before an answer begins. Raises 503
    later too, which breaks the answer off.
    """
    pieces = _all_pieces(objects, parts, start, end)
    await anext(pieces)
    return pieces


@contextmanager
def readable() -> Iterator[None]:
    """Raise 503 for content that is missing or damaged, or whose key is."""
    try:
        yield
    except (ObjectMissingError, DamagedObjectError, ProjectKeyGoneError, WrongKeyError) as error:
        log.error("content_unreadable", type=type(error).__name__)
        raise region_errors.content_unreadable() from None


@contextmanager
def storable(project_id: str) -> Iterator[None]:
    """Raise 404 for new content of a project that is destroyed."""
    try:
        yield
    except ProjectDestroyedError:
        raise errors.not_found("project", project_id) from None


@asynccontextmanager
async def storing(objects: Objects, arrived: StoredObject) -> AsyncIterator[None]:
    """Delete an object that has arrived if the block, which keeps it, fails. Raise 404 when its project was destroyed."""
    with storable(arrived.project_id):
        try:
            yield
        except BaseException:
            # A cancelled request too leaves nothing behind.
            await asyncio.shield(objects.discard(arrived))
            raise


async def _all_pieces(
    objects: Objects, parts: Sequence[StoredObject], start: int, end: int
) -> AsyncGenerator[bytes, None]:
    """Yield an empty piece once the first one has been read, then all of them."""
    async with aclosing(_pieces(objects, parts, start, end)) as pieces:
        first = await anext(pieces, b"")
        yield b""
        if first:
            yield first
        async for piece in pieces:
            yield piece


async def _pieces(objects: Objects, parts: Sequence[StoredObject], start: int, end: int) -> AsyncGenerator[bytes, None]:
    before = 0
    for part in parts:
        first, last = max(start - before, 0), min(end - before, part.size_bytes)
        before += part.size_bytes
        if first < last:
            with readable():
                async with aclosing(objects.read(part, first, last)) as pieces:
                    async for piece in pieces:
                        yield piece
