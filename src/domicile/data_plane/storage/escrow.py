"""Escrow: all keys of projects in one file, sealed to an offline key (age), so that losing a key store loses no region.

Exports are numbered. The database knows which projects each one holds, so that after a destruction it can say which exports
could still open what was destroyed.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pyrage
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.data_plane.storage.project_keys import ProjectKeys
from domicile.data_plane.storage.wrapping import WRAPPING_KEY_BYTES
from domicile.data_plane.tables import destroyed_project, key_export, key_export_project
from domicile.kernel.clock import Clock
from domicile.kernel.ids import ProjectId
from domicile.persistence.database import Database

_FORMAT = 1


class EscrowError(Exception):
    """An export cannot be made or read. The text says why, and holds no key."""


class _Export(msgspec.Struct, forbid_unknown_fields=True):
    """What is sealed."""

    format: int
    region: str
    number: int
    exported_at_ms: int
    keys: dict[ProjectId, str]
    """By project, the key in base64."""


@dataclass(frozen=True, slots=True)
class KeyExport:
    """An export as the database knows it."""

    number: int
    exported_at_ms: int
    projects: int
    destroyed_projects: tuple[str, ...]
    """Projects that were destroyed since. Until its copies are deleted, the export can open backups of their content."""


@dataclass(frozen=True, slots=True)
class SealedExport:
    """A new export. `content` is the file."""

    number: int
    projects: int
    left_out: int
    """Projects whose keys organizations' own keys have wrapped."""
    content: bytes


async def exports_of(connection: AsyncConnection, project_id: str) -> tuple[int, ...]:
    """The numbers of the exports that hold the project's key, the oldest first."""
    query = select(key_export_project.c.number).where(key_export_project.c.project_id == project_id)
    return tuple((await connection.execute(query.order_by(key_export_project.c.number))).scalars())


class Escrow:
    """Exports and restores the keys of a region's projects. Raises the errors of key store, region key and database too."""

    def __init__(self, region: str, keys: ProjectKeys, database: Database, clock: Clock) -> None:
        self._region = region
        self._keys = keys
        self._database = database
        self._clock = clock

    async def export(self, recipient: str) -> "SealedExport":
        """Make an export. `recipient`: `age1...`. Keys that organizations' own keys have wrapped are not in it.

        Raises `EscrowError` for another recipient.
        """
        try:
            public_key = pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError:
            raise EscrowError("the recipient must be a public key of age: age1...") from None
        escrowed = await self._keys.escrowed()
        keys = {key.project_id: key.key for key in escrowed.keys}
        now_ms = self._clock.now_ms()
        async with self._database.transaction() as connection:
            last = (await connection.execute(select(func.max(key_export.c.number)))).scalar() or 0
            await connection.execute(insert(key_export).values(number=last + 1, exported_at_ms=now_ms))
            if keys:
                rows = [{"number": last + 1, "project_id": project_id} for project_id in keys]
                await connection.execute(insert(key_export_project), rows)
        encoded = {project_id: base64.b64encode(key).decode("ascii") for project_id, key in keys.items()}
        content = msgspec.json.encode(_Export(_FORMAT, self._region, last + 1, now_ms, encoded))
        return SealedExport(last + 1, len(keys), escrowed.left_out, bytes(pyrage.encrypt(content, [public_key])))

    async def restore(self, sealed: bytes, identity: str) -> tuple[int, int]:
        """Put the keys of an export into the key store. Return how many it lacked, and how many projects are destroyed.

        A key that the store has stays as it is. The key of a destroyed project is not restored. Raises `EscrowError`.
        """
        export = _opened(sealed, identity)
        if export.format != _FORMAT or export.region != self._region:
            raise EscrowError(f"this is an export of region '{export.region}', not of '{self._region}'")
        destroyed = await self._destroyed()
        restored = 0
        for project_id, encoded in export.keys.items():
            if project_id not in destroyed:
                restored += await self._keys.restore(project_id, _key(encoded))
        return restored, len(destroyed & export.keys.keys())

    async def list(self) -> Sequence[KeyExport]:
        """Return all exports, the oldest first."""
        joined = key_export_project.join(
            destroyed_project, destroyed_project.c.project_id == key_export_project.c.project_id
        )
        gone = select(key_export_project.c.number, key_export_project.c.project_id).select_from(joined)
        counts = select(key_export_project.c.number, func.count()).group_by(key_export_project.c.number)
        async with self._database.reading() as connection:
            exports = (await connection.execute(select(key_export).order_by(key_export.c.number))).all()
            held = {row[0]: row[1] for row in (await connection.execute(counts)).all()}
            destroyed: dict[int, list[str]] = {}
            for number, project_id in (await connection.execute(gone)).all():
                destroyed.setdefault(number, []).append(project_id)
        return [
            KeyExport(
                row.number, row.exported_at_ms, held.get(row.number, 0), tuple(sorted(destroyed.get(row.number, ())))
            )
            for row in exports
        ]

    async def _destroyed(self) -> set[str]:
        async with self._database.reading() as connection:
            return set((await connection.execute(select(destroyed_project.c.project_id))).scalars())


def _opened(sealed: bytes, identity: str) -> _Export:
    try:
        key = pyrage.x25519.Identity.from_str(identity)
        return msgspec.json.decode(pyrage.decrypt(sealed, [key]), type=_Export)
    except pyrage.IdentityError:
        raise EscrowError("the identity must be a secret key of age: AGE-SECRET-KEY-1...") from None
    except pyrage.DecryptError:
        raise EscrowError("the export does not open with this identity, or it is damaged") from None
    except msgspec.MsgspecError:
        raise EscrowError("the file is no export of keys") from None


def _key(encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != WRAPPING_KEY_BYTES:
        raise EscrowError("the file is no export of keys")
    return key
