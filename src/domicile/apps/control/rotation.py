"""Commands of the operator that replace the keys of the publisher."""

import asyncio
import sys
from pathlib import Path

from domicile.apps.control.storage import storage
from domicile.boundary.signing import public_key_id
from domicile.control_plane.publisher_key_rotation import regions_without, rotate_publisher_key, rotate_root_key
from domicile.kernel.clock import SystemClock
from domicile.settings.installation import ControlSettings

# A snapshot is renewed every ten seconds, and the poll after it says what the region trusts then.
TAKEN_S = 30


async def rotate_key(settings: ControlSettings, root_key_file: Path) -> None:
    """Replaces the key that signs snapshots. A control plane that runs takes it over with its next publication."""
    async with storage(settings) as database:
        made = await rotate_publisher_key(database, SystemClock(), settings.data, root_key_file)
    sys.stdout.write(f"publisher key  {made.key_id}\nserial         {made.serial}\n")


async def rotate_root(settings: ControlSettings, root_key_file: Path, new_file: Path, leave_behind: list[str]) -> None:
    """Replaces the root key, and says which regions have taken the new one. A region in contact needs some ten seconds."""
    async with storage(settings) as database:
        made = await rotate_root_key(database, SystemClock(), settings.data, root_key_file, new_file, leave_behind)
        key_id = public_key_id(made.public_key)
        sys.stdout.write(f"root key     {key_id}\nserial       {made.serial}\n")
        sys.stdout.flush()
        behind = await regions_without(database, key_id)
        for _ in range(TAKEN_S):
            if behind:
                # It is another process that writes what is waited for.
                await asyncio.sleep(1)
                behind = await regions_without(database, key_id)
    sys.stdout.write(f"not yet by   {', '.join(behind) or '-'}\n")
    if behind:
        sys.stderr.write(
            "Keep the old root key until 'domicile regions list' says that every region has the current one: "
            "they take it with their next snapshot.\n"
        )
