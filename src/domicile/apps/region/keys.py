"""`domicile region keys`: exports and restores the keys of a region's projects, beside the running region or without it."""

import argparse
import asyncio
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from domicile.apps.region.content import open_keys
from domicile.apps.region.enrollment import RegionStartError
from domicile.apps.region.storage import open_storage
from domicile.confinement.surroundings import forget_other_routes
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.storage.escrow import Escrow, EscrowError
from domicile.kernel.clock import SystemClock
from domicile.kernel.dependency import DependencyUnavailableError
from domicile.kernel.geography import country_set
from domicile.process.core_dumps import forbid_core_dumps
from domicile.settings.installation import RegionSettings
from domicile.settings.load import SettingsError, load_installation


async def export_keys(settings: RegionSettings, recipient: str, target: Path) -> None:
    """Write an export to `target`, which must not exist."""
    async with AsyncExitStack() as stack:
        escrow = await _open_escrow(settings, stack)
        descriptor = await asyncio.to_thread(os.open, target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                export = await escrow.export(recipient)
                file.write(export.content)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            await asyncio.to_thread(target.unlink)
            raise
    _tell(
        f"Export {export.number} of region '{settings.code}' with the keys of {export.projects} projects is in {target}."
    )
    if export.left_out:
        _tell(f"It leaves out {export.left_out} projects: a key of their organization's own wraps theirs.")
    _tell("Keep it offline. It replaces all earlier exports: delete their copies.")


async def import_keys(settings: RegionSettings, source: Path, identity: Path) -> None:
    """Put the keys of the export in `source` into the key store. `identity`: a file with the secret key of age."""
    sealed = await asyncio.to_thread(source.read_bytes)
    secret = (await asyncio.to_thread(identity.read_text, "ascii")).strip().splitlines()
    async with AsyncExitStack() as stack:
        escrow = await _open_escrow(settings, stack)
        # age-keygen writes comments before the key.
        restored, destroyed = await escrow.restore(sealed, secret[-1] if secret else "")
    _tell(f"{restored} keys are restored. {destroyed} projects of the export were destroyed since, and stay so.")


async def list_exports(settings: RegionSettings) -> None:
    """Print every export, and which destroyed projects it could still open."""
    async with AsyncExitStack() as stack:
        exports = await (await _open_escrow(settings, stack)).list()
    for export in exports:
        opens = ", ".join(export.destroyed_projects) or "none"
        _tell(f"{export.number}: keys of {export.projects} projects; destroyed since: {opens}")


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")


async def _open_escrow(settings: RegionSettings, stack: AsyncExitStack) -> Escrow:
    clock, egress = SystemClock(), EgressPolicy(country_set(settings.countries))
    storage = await open_storage(settings, egress, stack)
    keys = await open_keys(settings, egress, clock, stack)
    return Escrow(settings.code, keys, storage.region, clock)


def main() -> None:
    """The process's entry point."""
    parser = argparse.ArgumentParser(prog="python -m domicile.apps.region.keys")
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--region", required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export")
    export.add_argument("--to", required=True)
    export.add_argument("target", type=Path)
    restore = commands.add_parser("import")
    restore.add_argument("source", type=Path)
    restore.add_argument("--identity", type=Path, required=True)
    commands.add_parser("exports")
    arguments = parser.parse_args()
    os.umask(0o077)
    forget_other_routes()
    forbid_core_dumps()
    try:
        settings = load_installation(arguments.config).region(arguments.region)
        match arguments.command:
            case "export":
                work = export_keys(settings, arguments.to, arguments.target)
            case "import":
                work = import_keys(settings, arguments.source, arguments.identity)
            case _:
                work = list_exports(settings)
        asyncio.run(work)
    except (SettingsError, RegionStartError, EscrowError, DependencyUnavailableError, ValueError, OSError) as error:
        sys.exit(f"domicile region keys: {error}")


if __name__ == "__main__":
    main()
