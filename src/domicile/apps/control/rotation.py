"""The operator's commands that replace the publisher's key or the root key."""

import asyncio
import sys
from pathlib import Path

from domicile.apps.control.storage import storage
from domicile.boundary.signing import public_key_id
from domicile.control_plane.publisher_key_rotation import regions_without, rotate_publisher_key, rotate_root_key
from domicile.kernel.clock import SystemClock
from domicile.settings.installation import ControlSettings

# Snapshots are renewed every ten seconds, and a region's next poll reports which root key it trusts.
TAKEN_S = 30


async def rotate_key(settings: ControlSettings, root_key_file: Path) -> None:
    """Replace the key that signs snapshots. A running control plane uses the new key from its next publication on."""
    async with storage(settings) as database:
        made = await rotate_publisher_key(database, SystemClock(), settings.data, root_key_file)
    sys.stdout.write(f"publisher key  {made.key_id}\nserial         {made.serial}\n")


async def rotate_root(settings: ControlSettings, root_key_file: Path, new_file: Path, leave_behind: list[str]) -> None:
    """Replace the root key, then wait up to `TAKEN_S` seconds and print which regions do not trust the new key yet.

    A connected region needs about ten seconds.
    """
    async with storage(settings) as database:
        made = await rotate_root_key(database, SystemClock(), settings.data, root_key_file, new_file, leave_behind)
        key_id = public_key_id(made.public_key)
        sys.stdout.write(f"root key     {key_id}\nserial       {made.serial}\n")
        sys.stdout.flush()
        behind = await regions_without(database, key_id)
        for _ in range(TAKEN_S):
            if behind:
                # Another process writes the regions' reports to the database, so poll it.
                await asyncio.sleep(1)
                behind = await regions_without(database, key_id)
    sys.stdout.write(f"not yet by   {', '.join(behind) or '-'}\n")
    if behind:
        sys.stderr.write(
            "Keep the old root key until 'domicile regions list' shows the current one for every region. "
            "Each region takes it with its next snapshot.\n"
        )
