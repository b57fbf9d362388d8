"""Enrolled regions and enrollment tokens in the database. No token's secret is stored, only its SHA-256."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing


@dataclass(frozen=True, slots=True)
class EnrolledIdentity:
    """A region's identity, recorded at its enrollment for ever. Only its list of countries may shrink."""

    code: str
    residency: str
    countries: frozenset[str]
    public_key: bytes
    enrolled_at_ms: int


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An enrollment token, by the SHA-256 of its secret."""

    sha256: bytes
    region: str
    expires_at_ms: int
    used_at_ms: int | None = None


async def find_region(reading: Reading, code: str) -> EnrolledIdentity | None:
    """The enrolled region, or None."""
    return next((region for region in await list_regions(reading) if region.code == code), None)


async def list_regions(reading: Reading) -> list[EnrolledIdentity]:
    """All enrolled regions, ordered by code."""
    return [
        EnrolledIdentity(
            code=row.code,
            residency=row.residency,
            countries=msgspec.json.decode(row.countries, type=frozenset[str]),
            public_key=row.public_key,
            enrolled_at_ms=row.enrolled_at_ms,
        )
        for row in await reading.all(select(tables.region).order_by(tables.region.c.code))
    ]


async def insert_region(writing: Writing, identity: EnrolledIdentity) -> None:
    """Inserts the row of a newly enrolled region."""
    await writing.execute(
        insert(tables.region).values(
            code=identity.code,
            residency=identity.residency,
            countries=_countries(identity.countries),
            public_key=identity.public_key,
            enrolled_at_ms=identity.enrolled_at_ms,
        )
    )


async def shrink_countries(writing: Writing, code: str, countries: frozenset[str]) -> None:
    """Sets the list of countries. The caller has checked that it only shrinks."""
    table = tables.region
    await writing.execute(update(table).where(table.c.code == code).values(countries=_countries(countries)))


async def find_token(reading: Reading, sha256: bytes) -> StoredToken | None:
    """The token with this hash, used or not; None when it is unknown."""
    table = tables.enrollment_token
    row = await reading.first(select(table).where(table.c.sha256 == sha256))
    return None if row is None else StoredToken(row.sha256, row.region, row.expires_at_ms, row.used_at_ms)


async def insert_token(writing: Writing, token: StoredToken, now_ms: int) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.enrollment_token).values(
            sha256=token.sha256, region=token.region, created_at_ms=now_ms, expires_at_ms=token.expires_at_ms
        )
    )


async def replace_token_secret(writing: Writing, before: bytes, after: bytes) -> None:
    """Replaces the token's secret, by its SHA-256: the old one stops working."""
    table = tables.enrollment_token
    await writing.execute(update(table).where(table.c.sha256 == before).values(sha256=after))


async def use_token(writing: Writing, sha256: bytes, now_ms: int) -> None:
    """Marks the token as used, for ever."""
    table = tables.enrollment_token
    await writing.execute(update(table).where(table.c.sha256 == sha256).values(used_at_ms=now_ms))


async def taken_root_keys(reading: Reading) -> dict[str, str]:
    """By region, the id of the root key that it reports as trusted. Regions without a report are absent."""
    return {row.region: row.key_id for row in await reading.all(select(tables.root_key_taken))}


async def take_root_key(writing: Writing, code: str, key_id: str, now_ms: int) -> None:
    """Records that the region trusts this root key."""
    values = {"key_id": key_id, "taken_at_ms": now_ms}
    statement = writing.insert_into(tables.root_key_taken).values(region=code, **values)
    await writing.execute(statement.on_conflict_do_update(index_elements=["region"], set_=values))


def _countries(countries: frozenset[str]) -> str:
    return msgspec.json.encode(sorted(countries)).decode()
