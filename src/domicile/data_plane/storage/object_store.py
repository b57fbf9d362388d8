"""Where sealed objects lie: a local folder, S3 or Azure Blob, through obstore. It never sees plain content."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, LocalStore, S3Store

from domicile.kernel.dependency import DependencyUnavailableError

# Parts in flight: with the parts' size, the memory that one upload takes.
_PARTS_AT_ONCE = 2
_PART_BYTES = 8 * 1024 * 1024
"""S3 takes at most 10,000 parts, so this bounds an object at 80 GB."""
UNFINISHED_S = 3600.0
"""An unfinished upload that has not changed for so long belongs to a process that was killed."""


class ObjectStoreUnavailableError(DependencyUnavailableError):
    """The store is away, full, or refuses. Its text is a type's name: no path, no bytes."""


class ObjectMissingError(Exception):
    """The store has no object of this name."""


class ObjectStore(Protocol):
    """Holds bytes by name. Names are made here: ASCII, and nothing of a customer's.

    All methods raise `ObjectStoreUnavailableError`.
    """

    async def put(self, name: str, source: AsyncIterator[bytes]) -> None:
        """Store what `source` yields. Nothing is stored, and nothing seen, of a source that raises; its error is raised on.

        Do not cancel it: a cancelled upload may leave parts behind. Make the source raise instead.
        """

    async def read(self, name: str, start: int, end: int) -> bytes:
        """Return the bytes `start` to `end` (exclusive), fewer where the object ends before. Raises `ObjectMissingError`."""

    async def delete(self, name: str) -> None:
        """Delete. An object that is not there is deleted already."""

    async def names(self) -> AsyncIterator[str]:
        """Yield the names of all objects."""
        yield ""

    async def sweep(self) -> None:
        """Remove what processes that were killed have left of unfinished uploads, where the store shows it.

        Other processes may be uploading: what has changed within `UNFINISHED_S` stays.
        """


def _unavailable(error: Exception) -> ObjectStoreUnavailableError:
    return ObjectStoreUnavailableError(type(error).__name__)


class ObstoreObjectStore:
    """An `ObjectStore` on any store that obstore speaks to."""

    def __init__(
        self,
        store: LocalStore | S3Store | AzureStore,
        unavailable: Callable[[Exception], ObjectStoreUnavailableError] = _unavailable,
    ) -> None:
        """`unavailable`: makes the error to raise of the store's own."""
        self._store = store
        self._unavailable = unavailable

    async def put(self, name: str, source: AsyncIterator[bytes]) -> None:
        failed: list[BaseException] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for piece in source:
                    yield piece
            except BaseException as error:
                failed.append(error)
                raise

        try:
            await obstore.put_async(
                self._store, name, watched(), chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE
            )
        except (BaseError, OSError) as error:
            if failed:
                raise failed[0] from None
            raise self._unavailable(error) from None

    async def read(self, name: str, start: int, end: int) -> bytes:
        try:
            return bytes(await obstore.get_range_async(self._store, name, start=start, end=end))
        except FileNotFoundError:
            raise ObjectMissingError from None
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from None

    async def delete(self, name: str) -> None:
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            pass
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from None

    async def names(self) -> AsyncIterator[str]:
        try:
            async for batch in obstore.list(self._store):
                for each in batch:
                    yield each["path"]
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from None

    async def sweep(self) -> None:
        """S3 and Azure hide unfinished uploads: a lifecycle rule of the bucket removes them (docs/storage.md)."""


class LocalObjectStore(ObstoreObjectStore):
    """A folder of this machine, with mode 0700: the files in it take the process's umask."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(LocalStore(folder))
        self._folder = folder

    async def sweep(self) -> None:
        """A killed process leaves `name#1` beside the objects. `list` does not show it."""
        await asyncio.to_thread(self._remove_unfinished)

    def _remove_unfinished(self) -> None:
        dead = time.time() - UNFINISHED_S
        for path in self._folder.rglob("*#*"):
            # Another process may finish or remove it meanwhile.
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < dead:
                    path.unlink()
