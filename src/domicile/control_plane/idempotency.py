"""`Idempotency-Key`: a repeated creating call creates nothing more, and returns the first call's object.

The row is written in the transaction of the change itself. It holds hashes, never the body or the header's value.
"""

import hashlib
from dataclasses import dataclass

import msgspec
from sqlalchemy import delete, insert, select, update
from starlette.requests import Request

from domicile.control_plane import control_errors
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.principals.principal import Administrator, Operator
from domicile.web.idempotency_key import HEADER, read_idempotency_key

LIFE_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call under an idempotency key. The same caller, path and key have the same scope."""

    organization_id: str | None
    """The organization's id; None for the operator's calls."""
    scope_sha256: bytes
    body_sha256: bytes


@dataclass(frozen=True, slots=True)
class Made:
    """The object that the first call made, and the key made with it, if any."""

    resource_id: str
    key_id: str | None


def read_attempt(principal: Administrator | Operator, request: Request, body: object = None) -> Attempt | None:
    """The call's attempt; None without the header. Raises 400 when the header is repeated or malformed.

    `body` is the decoded body, so spaces and member order do not matter.
    """
    key = read_idempotency_key(request)
    if key is None:
        return None
    organization_id = principal.organization_id if isinstance(principal, Administrator) else None
    return Attempt(
        organization_id,
        _sha256([organization_id, request.method, request.url.path, key]),
        _sha256(body),
    )


async def find_made(reading: Reading, attempt: Attempt | None, now_ms: int) -> Made | None:
    """The object made by the same call within 24 hours. Raises 409 `idempotency_key_reused` when the body differs."""
    if attempt is None:
        return None
    table = tables.idempotency
    query = select(table).where(table.c.scope_sha256 == attempt.scope_sha256, table.c.created_at_ms > now_ms - LIFE_MS)
    row = await reading.first(query)
    if row is None:
        return None
    if row.body_sha256 != attempt.body_sha256:
        raise control_errors.conflict(
            "idempotency_key_reused",
            f"This {HEADER} was used for another request within the last 24 hours. Send a new request under a new key.",
        )
    return Made(row.resource_id, row.key_id)


async def remember(
    writing: Writing, attempt: Attempt | None, now_ms: int, resource_id: str, key_id: str | None = None
) -> None:
    """Stores the object that this call makes, and deletes entries older than 24 hours."""
    if attempt is None:
        return
    table = tables.idempotency
    await writing.execute(delete(table).where(table.c.created_at_ms <= now_ms - LIFE_MS))
    await writing.execute(
        insert(table).values(
            scope_sha256=attempt.scope_sha256,
            organization_id=attempt.organization_id,
            body_sha256=attempt.body_sha256,
            resource_id=resource_id,
            key_id=key_id,
            created_at_ms=now_ms,
        )
    )


async def rename_made(writing: Writing, attempt: Attempt, resource_id: str) -> None:
    """Changes the stored id of an object whose id is the hash of its secret, when a repetition replaces the secret."""
    table = tables.idempotency
    where = table.c.scope_sha256 == attempt.scope_sha256
    await writing.execute(update(table).where(where).values(resource_id=resource_id))


def _sha256(value: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).digest()
