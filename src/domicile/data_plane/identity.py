"""This region's identity: an Ed25519 key, code, residency and countries, recorded at the first start (design 6)."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select, update

from domicile.boundary.enrollment import EnrollmentToken
from domicile.boundary.signing import public_key_bytes
from domicile.data_plane.tables import region_identity
from domicile.persistence.database import Database
from domicile.settings.installation import RegionSettings


class IdentityError(Exception):
    """The settings contradict the recorded identity, so this process must not start. The text says how."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """The one control plane that this region trusts."""

    installation_id: str
    root_key: bytes | None
    """Certifies the keys that sign snapshots. None for a region that was enrolled before root keys existed."""
    serial: int = 0
    """The serial of the newest certificate seen. Older certificates are refused."""
    publisher_key: bytes | None = None
    """The trusted signing key if `root_key` is None, until the region is enrolled again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Code, key and enrollment of this region. `enrollment` is None until the operator has enrolled it."""

    code: str
    key: Ed25519PrivateKey
    enrollment: Enrollment | None


def load_or_make_key(file: Path) -> Ed25519PrivateKey:
    """Read the region's private key, or make it: 32 raw bytes in a file that only this user can read.

    Raises OSError, and ValueError for a file of another length.
    """
    try:
        return Ed25519PrivateKey.from_private_bytes(file.read_bytes())
    except FileNotFoundError:
        key = Ed25519PrivateKey.generate()
        # A random name for the draft: replicas that share the folder may start together, and a draft left by a killed process
        # may have other permissions.
        draft = file.with_suffix(f".{secrets.token_hex(8)}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key.private_bytes_raw())
            stream.flush()
            os.fsync(stream.fileno())
        try:
            # A hard link, unlike a rename, fails if another replica was faster. Then that replica's key is the region's.
            file.hardlink_to(draft)
        except FileExistsError:
            return Ed25519PrivateKey.from_private_bytes(file.read_bytes())
        finally:
            draft.unlink()
        return key


class IdentityRepository:
    """Reads and writes the one row with the identity of the region that owns this database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open(self, settings: RegionSettings, key: Ed25519PrivateKey) -> Identity:
        """Record the region at its first start. Later raises `IdentityError` for any change, except for fewer countries."""
        countries = ",".join(sorted(settings.country_codes))
        async with self._database.transaction() as connection:
            row = (await connection.execute(select(region_identity))).one_or_none()
            if row is None:
                await connection.execute(
                    insert(region_identity).values(
                        code=settings.code,
                        residency=settings.residency,
                        countries=countries,
                        public_key=public_key_bytes(key),
                    )
                )
                return Identity(settings.code, key, None)
            _check_unchanged(row.code, row.residency, row.countries, row.public_key, settings, key)
            if row.countries != countries:
                await connection.execute(update(region_identity).values(countries=countries))
        if row.installation_id is None:
            return Identity(settings.code, key, None)
        enrollment = Enrollment(row.installation_id, row.root_key, row.publisher_serial, row.publisher_key)
        return Identity(settings.code, key, enrollment)

    async def record_enrollment(self, token: EnrollmentToken, now_ms: int) -> Enrollment:
        """Record the control plane of the token as the only trusted one."""
        async with self._database.transaction() as connection:
            await connection.execute(
                update(region_identity).values(
                    installation_id=token.installation_id,
                    root_key=token.root_key,
                    publisher_serial=token.serial,
                    enrolled_at_ms=now_ms,
                )
            )
        return Enrollment(token.installation_id, token.root_key, token.serial)


def _check_unchanged(
    code: str, residency: str, countries: str, public_key: bytes, settings: RegionSettings, key: Ed25519PrivateKey
) -> None:
    if code != settings.code:
        raise IdentityError(f"this data belongs to region '{code}'; it can never become '{settings.code}'")
    if residency != settings.residency:
        raise IdentityError(f"region '{code}' is {residency} for ever; the configuration says {settings.residency}")
    added = settings.country_codes - set(countries.split(","))
    if added:
        raise IdentityError(
            f"the countries of region '{code}' may only become fewer; the configuration adds {', '.join(sorted(added))}"
        )
    if public_key != public_key_bytes(key):
        raise IdentityError(f"the identity key is not the one that region '{code}' was started with; restore its file")
