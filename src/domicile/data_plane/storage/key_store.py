"""Keeps the wrapped key of each project, apart from the region's database and its backups.

Destroying a project deletes its key here. After that nobody can open its content, in a restored backup neither (design 5). An
empty key stays in its place, so that a write which races the destruction cannot give the project a new one.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar

from domicile.kernel.dependency import DependencyUnavailableError

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUFFIX = ".key"
DESTROYED = b""
"""What stands in the place of a destroyed project's key."""

P = ParamSpec("P")
T = TypeVar("T")


class KeyStoreUnavailableError(DependencyUnavailableError):
    """The key store is away, full, or refuses. Its text is a type's name."""


class ProjectDestroyedError(Exception):
    """The project is destroyed, or left the snapshot before it had content: nothing of it may be stored."""


class KeyStore(Protocol):
    """Wrapped keys by the id of their project. All methods raise `KeyStoreUnavailableError`."""

    async def get(self, project_id: str) -> bytes | None:
        """Return the wrapped key, or None where the project has none."""

    async def add(self, project_id: str, wrapped: bytes) -> bytes:
        """Keep the key, unless the project has one. Return the one that it has now: of two that add, both get the same.

        Raises `ProjectDestroyedError`.
        """

    async def replace(self, project_id: str, wrapped: bytes) -> None:
        """Keep the same key, wrapped anew. A project that has no key any more gets none."""

    async def delete(self, project_id: str) -> None:
        """Delete the key for ever. The project never gets another one."""

    async def projects(self) -> Sequence[str]:
        """Return the ids of all projects that have a key."""


class FolderKeyStore:
    """A folder with mode 0700 on a local disk, one file for each project. For one machine.

    Deleting overwrites nothing: a copy-on-write file system and its snapshots may keep the bytes. They are wrapped still.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._folder = folder

    async def get(self, project_id: str) -> bytes | None:
        return await asyncio.to_thread(_guarded, self._read, project_id)

    async def add(self, project_id: str, wrapped: bytes) -> bytes:
        return await asyncio.to_thread(_guarded, self._add, project_id, wrapped)

    async def replace(self, project_id: str, wrapped: bytes) -> None:
        await asyncio.to_thread(_guarded, self._replace, project_id, wrapped)

    async def delete(self, project_id: str) -> None:
        await asyncio.to_thread(_guarded, self._delete, project_id)

    async def projects(self) -> Sequence[str]:
        return await asyncio.to_thread(_guarded, self._projects)

    def _path(self, project_id: str) -> Path:
        if not _PROJECT_ID.fullmatch(project_id):
            raise ValueError("not the id of a project")
        return self._folder / (project_id + _SUFFIX)

    def _read(self, project_id: str) -> bytes | None:
        try:
            return self._path(project_id).read_bytes() or None
        except FileNotFoundError:
            return None

    def _add(self, project_id: str, wrapped: bytes) -> bytes:
        path = self._path(project_id)
        draft = self._draft(path, wrapped)
        try:
            # A link fails where there is a file already, so the first of several wins.
            os.link(draft, path)
        except FileExistsError:
            return added(path.read_bytes())
        finally:
            draft.unlink()
        self._sync()
        return wrapped

    def _replace(self, project_id: str, wrapped: bytes) -> None:
        path = self._path(project_id)
        with self._alone():
            if path.exists() and path.stat().st_size:
                self._draft(path, wrapped).replace(path)
                self._sync()

    def _delete(self, project_id: str) -> None:
        path = self._path(project_id)
        with self._alone():
            self._draft(path, DESTROYED).replace(path)
            self._sync()

    def _projects(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*" + _SUFFIX) if path.stat().st_size)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from replacing meanwhile: a key that is wrapped anew must not come back after its deletion."""
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _draft(self, path: Path, wrapped: bytes) -> Path:
        """A file beside `path`, whole and on the disk."""
        draft = path.with_suffix(f".{os.urandom(8).hex()}.draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, wrapped)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return draft

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def added(kept: bytes) -> bytes:
    """The key that an `add` found. Raises `ProjectDestroyedError`."""
    if kept == DESTROYED:
        raise ProjectDestroyedError
    return kept


def _guarded(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    try:
        return work(*arguments, **named)
    except OSError as error:
        raise KeyStoreUnavailableError(type(error).__name__) from None
