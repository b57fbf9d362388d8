"""Opens the databases of a region."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import domicile.data_plane
from domicile.apps.databases import open_database
from domicile.data_plane.egress import EgressPolicy
from domicile.persistence.database import Database
from domicile.settings.installation import RegionSettings

MIGRATIONS = Path(domicile.data_plane.__file__).parent / "migrations"
"""It has one folder for each of the two schemas."""


@dataclass(frozen=True, slots=True)
class Storage:
    """A region's two migrated schemas."""

    region: Database
    """Identity, snapshot, blocks, links to images."""
    metering: Database
    """The ledger and the outbox."""


async def open_storage(settings: RegionSettings, egress: EgressPolicy, stack: AsyncExitStack) -> Storage:
    """Open both schemas: two SQLite files, or both in the configured PostgreSQL database. `stack` closes them.

    Raises `EgressRefusedError` for a server outside the region, OSError if a database cannot be used.
    """
    return Storage(
        region=await _open(settings, "region", egress, stack), metering=await _open(settings, "metering", egress, stack)
    )


async def _open(settings: RegionSettings, name: str, egress: EgressPolicy, stack: AsyncExitStack) -> Database:
    url, country = settings.database.url, settings.database.country
    destination = None if url is None or country is None else egress.database(url, country)
    file = settings.data / f"{name}.db"
    database = await open_database(settings.database, file, MIGRATIONS / name, destination=destination)
    stack.push_async_callback(database.close)
    return database
