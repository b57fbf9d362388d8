"""One region's current snapshot, the polls that wait for the next one, and the version that each replica holds."""

import asyncio
import time
from dataclasses import dataclass

from domicile.boundary.publisher_key import SignedSuccession
from domicile.boundary.snapshot import SignedManifest

Version = tuple[int, int]
"""(epoch, number). It only grows."""

ACKNOWLEDGEMENT_S = 1.0
"""The longest time, in seconds, that a change waits for the replicas of its regions."""

IN_CONTACT_S = 15.0
"""A replica that polled within this time, in seconds, is in contact. Renewals come more often, so a live replica always is."""

REMEMBERED_S = 3600.0


@dataclass(frozen=True, slots=True)
class Publication:
    """A signed manifest for each schema that is served, and the shards that the manifests name, by SHA-256 in hex."""

    version: Version
    manifests: dict[int, SignedManifest]
    shards: dict[str, bytes]
    serial: int = 0
    """The serial of the signing key's certificate."""
    successions: tuple[SignedSuccession, ...] = ()
    """From the first root key to the one that certified the signing key, oldest first."""

    def since(self, root_key_id: str | None) -> tuple[SignedSuccession, ...]:
        """Successions after this root key. Empty when the key is current or unknown."""
        replaced = [signed.succession.before for signed in self.successions]
        return self.successions[replaced.index(root_key_id) :] if root_key_id in replaced else ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A replica's last poll."""

    version: Version
    at_monotonic: float

    @property
    def age_s(self) -> float:
        """Seconds since the poll began."""
        return time.monotonic() - self.at_monotonic


class SnapshotFeed:
    """Hands the publications of one region to its polls, and records which version each replica holds."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.last_ticket = 0
        self.served_ticket = 0
        self.ahead: Version = (0, 0)
        """The newest version that a replica reported. Above `version` after a restore, until a new epoch is declared."""
        self._current: Publication | None = None
        self._previous_shards: dict[str, bytes] = {}
        self._contacts: dict[str, Contact] = {}
        self._published = _Signal()
        self._heard = _Signal()
        self._closed = False

    def take_ticket(self) -> int:
        """A new ticket for a committed change. The change is published once `served_ticket` has reached the ticket."""
        self.last_ticket += 1
        return self.last_ticket

    def put(self, publication: Publication) -> None:
        """Makes the publication current, and wakes every poll."""
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
        """The last publication; None before the first."""
        return self._current

    @property
    def is_behind(self) -> bool:
        """Whether a replica holds a newer snapshot than this database has published."""
        return self._current is not None and self.ahead > self.version

    @property
    def version(self) -> Version:
        """The current publication's version; (0, 0) before the first."""
        return self._current.version if self._current else (0, 0)

    def shard(self, sha256: str) -> bytes | None:
        """The shard's bytes, from the current or the previous publication, which a region may still be fetching."""
        if self._current is not None and sha256 in self._current.shards:
            return self._current.shards[sha256]
        return self._previous_shards.get(sha256)

    def heard_from(self, replica: str, held: Version) -> None:
        """Records a poll, which also acknowledges the version that the replica holds."""
        self.ahead = max(self.ahead, held)
        self._contacts[replica] = Contact(held, time.monotonic())
        self._heard.fire()

    def contacts(self) -> dict[str, Contact]:
        """The last poll of each replica, for the last hour, by the replica's id."""
        self._contacts = {name: contact for name, contact in self._contacts.items() if contact.age_s < REMEMBERED_S}
        return dict(self._contacts)

    @property
    def in_contact(self) -> int:
        """The number of replicas in contact."""
        return sum(contact.age_s < IN_CONTACT_S for contact in self._contacts.values())

    async def newer(self, held: Version, patience_s: float) -> Publication | None:
        """The current publication, as soon as it is newer than `held`. None after `patience_s`, or when the feed closes."""
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
    """Wakes all tasks that wait now. A task that waits later waits for the next `fire`."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self) -> None:
        await self._event.wait()
