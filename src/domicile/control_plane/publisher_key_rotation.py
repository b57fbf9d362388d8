"""Replaces the publisher key or the root key, with an audit row. The control plane may run meanwhile, or be stopped."""

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import select

from domicile.boundary.publisher_key import PublisherCertificate, RootSuccession
from domicile.boundary.signing import public_key_id
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Platform, Reader, Reading
from domicile.control_plane.principals.principal import Startup
from domicile.control_plane.publication.publisher_keys import PublisherKeys, rotate, rotate_root
from domicile.control_plane.regions.repository import list_regions, taken_root_keys
from domicile.control_plane.secret_files import SecretFileError
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database


async def rotate_publisher_key(
    database: Database, clock: Clock, folder: Path, root_key_file: Path
) -> PublisherCertificate:
    """Replaces the publisher key. Returns the new certificate. Raises `SecretFileError` unless the file holds the root key."""
    startup = Startup()
    async with database.transaction(rows_of=startup.rows_of) as connection:
        change = Change(connection, startup, clock.now_ms())
        certificate = rotate(folder, root_key_file, await _installation_id(change), change.now_ms)
        detail = {"data": {"key_id": certificate.key_id, "serial": certificate.serial}}
        await change.record(Event("installation.publisher_key_rotated", certificate.key_id, detail=detail))
    return certificate


class RegionsLeftBehindError(Exception):
    """Some regions cannot follow the rotation, and the operator has not named them as allowed to stay behind."""


async def rotate_root_key(
    database: Database,
    clock: Clock,
    folder: Path,
    root_key_file: Path,
    new_root_key_file: Path,
    leave_behind: Collection[str],
) -> RootSuccession:
    """Replaces the root key. Returns the succession; regions take the new key with their next snapshot.

    Raises `SecretFileError` when a file does not hold the expected key. Raises `RegionsLeftBehindError`, and changes nothing,
    when an enrolled region has not reported that it trusts a root key of this installation: such a region is of an older
    version, and would refuse every snapshot until it is upgraded. `leave_behind`: codes of regions that may stay behind.
    """
    startup = Startup()
    async with database.transaction(rows_of=startup.rows_of) as connection:
        change = Change(connection, startup, clock.now_ms())
        installation_id = await _installation_id(change)
        known = PublisherKeys(folder, installation_id, change.now_ms).current().root_key_ids
        _require_all_named(await _regions_trusting_none_of(change, known), set(leave_behind))
        succession = rotate_root(folder, root_key_file, new_root_key_file, installation_id, change.now_ms)
        key_id = public_key_id(succession.public_key)
        detail = {"data": {"key_id": key_id, "before": succession.before, "serial": succession.serial}}
        await change.record(Event("installation.root_key_rotated", key_id, detail=detail))
    return succession


async def regions_without(database: Database, key_id: str) -> list[str]:
    """The codes of enrolled regions that have not reported this root key as trusted."""
    async with Reader(database).reading(Platform()) as reading:
        return await _regions_trusting_none_of(reading, (key_id,))


async def _regions_trusting_none_of(reading: Reading, key_ids: Collection[str]) -> list[str]:
    taken = await taken_root_keys(reading)
    return [region.code for region in await list_regions(reading) if taken.get(region.code) not in key_ids]


def _require_all_named(behind: list[str], leave_behind: set[str]) -> None:
    unnamed = sorted(set(behind) - leave_behind)
    if unnamed:
        raise RegionsLeftBehindError(
            f"these regions cannot follow, as they have not reported which root key they trust: {', '.join(unnamed)}. Upgrade "
            "and start them, or name each with --leave-behind: until its upgrade it then keeps its last snapshot, and learns "
            "of no revocation"
        )


async def _installation_id(reading: Reading) -> str:
    row = await reading.first(select(tables.installation))
    if row is None:
        raise SecretFileError("this control plane has never been started: there is no key to rotate")
    installation_id: str = row.installation_id
    return installation_id
