"""Replacing the key that signs snapshots, whether the control plane runs or not: the files and an audit row together."""

from pathlib import Path

from sqlalchemy import select

from domicile.boundary.publisher_key import PublisherCertificate
from domicile.control_plane import tables
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.auth import Startup
from domicile.control_plane.changes import Change
from domicile.control_plane.publisher_keys import rotate
from domicile.control_plane.secret_files import SecretFileError
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database


async def rotate_publisher_key(
    database: Database, clock: Clock, folder: Path, root_key_file: Path
) -> PublisherCertificate:
    """The new key's certificate. Raises `SecretFileError` when the file is not this installation's root key."""
    startup = Startup()
    async with database.transaction(rows_of=startup.rows_of) as connection:
        change = Change(connection, startup, clock.now_ms())
        row = await change.first(select(tables.installation))
        if row is None:
            raise SecretFileError("this control plane has never been started: there is no key to rotate")
        certificate = rotate(folder, root_key_file, row.installation_id, change.now_ms)
        detail = {"data": {"key_id": certificate.key_id, "serial": certificate.serial}}
        await change.record(Event("installation.publisher_key_rotated", certificate.key_id, detail=detail))
    return certificate
