"""The key of each project. It wraps the keys of the project's objects, and the texts that lie in the region's database."""

import asyncio
import hmac
import os
from collections import OrderedDict
from dataclasses import dataclass

import structlog

from domicile.data_plane.region_errors import Unavailability
from domicile.data_plane.storage.external_keys import (
    ExternalKeys,
    ExternalKeyUnavailableError,
    is_external,
)
from domicile.data_plane.storage.key_store import KeyStore, ProjectDestroyedError
from domicile.data_plane.storage.region_key import RegionKeyProvider
from domicile.data_plane.storage.wrapping import WRAPPING_KEY_BYTES, WrongKeyError, unwrap, wrap
from domicile.kernel.clock import Clock
from domicile.kernel.dependency import DependencyUnavailableError

log = structlog.get_logger("project_keys")

HELD_MS = 30_000
"""How long an unwrapped key stays in memory. A key that was deleted or taken away is gone from every process after this."""
_HELD_MAX = 10_000
_REWRAP_S = 3600.0


class ProjectKeyGoneError(Exception):
    """The project has no key: it was destroyed, or never had content."""


@dataclass(frozen=True, slots=True)
class ProjectKey:
    """A project's key, unwrapped. Its methods raise `WrongKeyError` for what another key has wrapped."""

    project_id: str
    key: bytes

    def wrap_object_key(self, object_id: str, key: bytes) -> bytes:
        """Return the object's key, wrapped for this object only."""
        return wrap(self.key, key, self._purpose("object key", object_id))

    def unwrap_object_key(self, object_id: str, wrapped: bytes) -> bytes:
        """Return the object's key."""
        return unwrap(self.key, wrapped, self._purpose("object key", object_id))

    def seal_text(self, where: str, text: str) -> bytes:
        """Return a customer's text, encrypted. `where`: the column and the row's id that it belongs to."""
        return wrap(self.key, text.encode("utf-8"), self._purpose("text", where))

    def open_text(self, where: str, sealed: bytes) -> str:
        """Return the text."""
        return unwrap(self.key, sealed, self._purpose("text", where)).decode("utf-8")

    def mix(self, where: str, key: bytes) -> bytes:
        """A key that only this one and `key` together give (HMAC-SHA-256)."""
        return hmac.digest(self.key, self._purpose("mixed key", where).encode() + b"\n" + key, "sha256")

    def _purpose(self, what: str, where: str) -> str:
        return f"domicile {what}\n{self.project_id}\n{where}"


@dataclass(frozen=True, slots=True)
class EscrowedKeys:
    """What an export holds."""

    keys: tuple[ProjectKey, ...]
    left_out: int
    """Keys that organizations' own keys have wrapped: in an export, taking the organization's key away would mean nothing."""


class ProjectKeys:
    """Makes, finds, rewraps and destroys the keys of projects.

    Raises the errors of the key store, of the region's key and of `ExternalKeys`.
    """

    def __init__(
        self, store: KeyStore, region_key: RegionKeyProvider, clock: Clock, external: ExternalKeys | None = None
    ) -> None:
        """`external`: None in a process that serves no project, and so has no snapshot."""
        self._store = store
        self._region_key = region_key
        self._clock = clock
        self._external = external
        self._held: OrderedDict[str, tuple[ProjectKey, int]] = OrderedDict()
        self._opening: dict[str, asyncio.Task[ProjectKey]] = {}

    async def of(self, project_id: str) -> ProjectKey:
        """Return the project's key. Raises `ProjectKeyGoneError`."""
        held = self._held.get(project_id)
        if held is not None and self._clock.now_ms() < held[1] + HELD_MS:
            return held[0]
        # One call of a service for all requests of a project: no project takes another one's place there.
        opening = self._opening.get(project_id)
        if opening is None:
            opening = self._opening[project_id] = asyncio.create_task(self._open(project_id))
            opening.add_done_callback(lambda ended: self._opened(project_id, ended))
        return await asyncio.shield(opening)

    async def of_new_content(self, project_id: str) -> ProjectKey:
        """Return the project's key, and make one for its first content. Raises `ProjectDestroyedError`."""
        try:
            return await self.of(project_id)
        except ProjectKeyGoneError:
            wrapped = await self._wrapped_anew(project_id, os.urandom(WRAPPING_KEY_BYTES))
            # Another process may have been as quick: its key counts.
            return await self._unwrapped(project_id, await self._store.add(project_id, wrapped))

    async def outside_key(self, project_id: str) -> ProjectKey | None:
        """Return the project's key where an organization's own key has to open all that is stored of it; otherwise None.

        Raises `ProjectDestroyedError` for a project that is in no snapshot.
        """
        if self._external is None or self._external.key_of(project_id) is None:
            return None
        return await self.of_new_content(project_id)

    async def escrowed(self) -> EscrowedKeys:
        """The keys that an export may hold."""
        keys, left_out = [], 0
        for project_id in await self._store.projects():
            wrapped = await self._store.get(project_id)
            if wrapped is None:
                # Destroyed meanwhile.
                continue
            if is_external(wrapped):
                left_out += 1
            else:
                keys.append(await self._unwrapped(project_id, wrapped))
        return EscrowedKeys(tuple(keys), left_out)

    async def restore(self, project_id: str, key: bytes) -> bool:
        """Keep a key that the store has lost. Return whether it lacked it."""
        if await self._store.get(project_id) is not None:
            return False
        try:
            await self._store.add(project_id, await self._region_key.wrap(key, _purpose(project_id)))
        except ProjectDestroyedError:
            return False
        return True

    async def destroy(self, project_id: str) -> None:
        """Delete the project's key for ever: nothing of its content can be opened again. See `Destroyer`."""
        self._held.pop(project_id, None)
        await self._store.delete(project_id)

    async def rewrap_all(self) -> int:
        """Wrap each project's key with the region's current key where an older one has wrapped it. Return how many.

        Objects keep their keys, so no object is written again. What an organization's own key has wrapped stays as it is.
        """
        rewrapped = 0
        for project_id in await self._store.projects():
            wrapped = await self._store.get(project_id)
            if wrapped is None or is_external(wrapped) or self._region_key.is_current(wrapped):
                continue
            key = await self._region_key.unwrap(wrapped, _purpose(project_id))
            await self._store.replace(project_id, await self._region_key.wrap(key, _purpose(project_id)))
            rewrapped += 1
            await asyncio.sleep(0)
        return rewrapped

    async def run(self) -> None:
        """Rewrap at the start and once an hour, until cancelled. So a new region key takes effect by a restart."""
        while True:
            try:
                if rewrapped := await self.rewrap_all():
                    log.warning("project_keys_rewrapped", count=rewrapped)
            except (DependencyUnavailableError, WrongKeyError) as error:
                log.error("project_keys_not_rewrapped", type=type(error).__name__)
            await asyncio.sleep(_REWRAP_S)

    async def _open(self, project_id: str) -> ProjectKey:
        wrapped = await self._store.get(project_id)
        if wrapped is None:
            self._held.pop(project_id, None)
            raise ProjectKeyGoneError
        return await self._unwrapped(project_id, wrapped)

    def _opened(self, project_id: str, ended: "asyncio.Task[ProjectKey]") -> None:
        self._opening.pop(project_id, None)
        if not ended.cancelled():
            # Looked at, so that nothing is logged about it when all who waited have left.
            ended.exception()

    async def _wrapped_anew(self, project_id: str, key: bytes) -> bytes:
        record = None if self._external is None else self._external.key_of(project_id)
        if self._external is None or record is None:
            return await self._region_key.wrap(key, _purpose(project_id))
        return await self._external.wrap(record, key, project_id)

    async def _unwrapped(self, project_id: str, wrapped: bytes) -> ProjectKey:
        if self._external is not None:
            self._external.require_agreement(project_id, wrapped)
        if not is_external(wrapped):
            plain = await self._region_key.unwrap(wrapped, _purpose(project_id))
        elif self._external is not None:
            plain = await self._external.unwrap(wrapped, project_id)
        else:
            raise ExternalKeyUnavailableError(Unavailability.NOT_OFFERED)
        key = ProjectKey(project_id, plain)
        self._held[project_id] = (key, self._clock.now_ms())
        self._held.move_to_end(project_id)
        if len(self._held) > _HELD_MAX:
            self._held.popitem(last=False)
        return key


def _purpose(project_id: str) -> str:
    return f"domicile project key\n{project_id}"
