"""One region's current snapshot, who waits for the next one, and who has it."""

import asyncio
import time
from dataclasses import dataclass

from domicile.boundary.publisher_key import SignedSuccession
from domicile.boundary.snapshot import SignedManifest

Version = tuple[int, int]
"""(epoch, number), which only grows."""

ACKNOWLEDGEMENT_S = 1.0
"""How long a change waits for its regions at most."""

IN_CONTACT_S = 15.0
"""A replica that polled within this time counts as in contact: more than a renewal, so a live one always does."""

REMEMBERED_S = 3600.0


@dataclass(frozen=True, slots=True)
class Publication:
    """A signed manifest in each schema that is served, and the shards that they name, by their SHA-256 in hex."""

    version: Version
    manifests: dict[int, SignedManifest]
    shards: dict[str, bytes]
    serial: int = 0
    """Of the certificate of the key that signed."""
    successions: tuple[SignedSuccession, ...] = ()
    """From every root key that there was to the one that certified, the oldest first."""

    def since(self, root_key_id: str | None) -> tuple[SignedSuccession, ...]:
        """What leads on from that root key; nothing from the present one, and from one that never was one."""
        befores = [signed.succession.before for signed in self.successions]
        return self.successions[befores.index(root_key_id) :] if root_key_id in befores else ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A replica's last poll."""

    version: Version
    at_monotonic: float

    @property
    def age_s(self) -> float:
        """Seconds since that poll began."""
        return time.monotonic() - self.at_monotonic


class SnapshotFeed:
    """The meeting point of publications and polls of one region."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.asked = 0
        self.covered = 0
        self.ahead: Version = (0, 0)
        """The newest that a replica has said to hold: above `version` after a restore, until a new epoch is declared."""
        self._current: Publication | None = None
        self._previous_shards: dict[str, bytes] = {}
        self._contacts: dict[str, Contact] = {}
        self._published = _Signal()
        self._heard = _Signal()
        self._closed = False

    def ask(self) -> int:
        """A ticket: served once `covered` has reached it."""
        self.asked += 1
        return self.asked

    def put(self, publication: Publication) -> None:
        """Makes it the current one, and answers every poll."""
        if self._current is not None:
            self._previous_shards = self._current.shards
        self._current = publication
        self._published.fire()

    def close(self) -> None:
        """Ends every wait."""
        self._closed = True
        self._published.fire()
        self._heard.fire()

    @property
    def current(self) -> Publication | None:
        """What was put last."""
        return self._current

    @property
    def is_behind(self) -> bool:
        """Whether a replica holds a snapshot that this database knows nothing of."""
        return self._current is not None and self.ahead > self.version

    @property
    def version(self) -> Version:
        """The current publication's; (0, 0) before the first."""
        return self._current.version if self._current else (0, 0)

    def shard(self, sha256: str) -> bytes | None:
        """From the current publication or the one before: a region may be fetching while a new one appears."""
        if self._current is not None and sha256 in self._current.shards:
            return self._current.shards[sha256]
        return self._previous_shards.get(sha256)

    def heard_from(self, replica: str, held: Version) -> None:
        """Notes a poll, which is also the acknowledgement of what the replica holds."""
        self.ahead = max(self.ahead, held)
        self._contacts[replica] = Contact(held, time.monotonic())
        self._heard.fire()

    def contacts(self) -> dict[str, Contact]:
        """Replicas heard within the last hour."""
        self._contacts = {name: contact for name, contact in self._contacts.items() if contact.age_s < REMEMBERED_S}
        return dict(self._contacts)

    async def newer(self, held: Version, patience_s: float) -> Publication | None:
        """The current publication as soon as it is newer than `held`; None after `patience_s`."""
        try:
            async with asyncio.timeout(patience_s):
                while not self._closed:
                    if self._current is not None and self._current.version > held:
                        return self._current
                    await self._published.wait()
        except TimeoutError:
            pass
        return None

    async def acknowledged(self, version: Version) -> bool:
        """Whether every replica in contact holds `version`, after `ACKNOWLEDGEMENT_S` at most."""
        try:
            async with asyncio.timeout(ACKNOWLEDGEMENT_S):
                while self._is_awaited(version) and not self._closed:
                    await self._heard.wait()
        except TimeoutError:
            pass
        return not self._is_awaited(version)

    def _is_awaited(self, version: Version) -> bool:
        return any(contact.version < version and contact.age_s < IN_CONTACT_S for contact in self._contacts.values())


class _Signal:
    """Wakes all that wait now; who waits later waits for the next one."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()
