"""The process of the control plane, and the commands that replace its keys."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from domicile.apps.control.composition import control_plane
from domicile.apps.control.rotation import rotate_key, rotate_root
from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.tables import CatalogueError
from domicile.confinement.surroundings import move_into
from domicile.control_plane import secret_files
from domicile.control_plane.publisher_key_rotation import RegionsLeftBehindError
from domicile.control_plane.regions.service import RegionChangedError
from domicile.control_plane.secret_files import SecretFileError
from domicile.control_plane.usage.price_history import PricesChangedError
from domicile.kernel.clock import SystemClock
from domicile.process.descriptors import raise_descriptor_limit
from domicile.process.lifeline import follow_parent
from domicile.settings.installation import Installation
from domicile.settings.load import SettingsError, load_installation
from domicile.web.observability.logging import configure_logging
from domicile.web.operator_keys import OperatorKeyFileError
from domicile.web.server.http_server import stop_event
from domicile.web.server.tls_certificate import CertificateError

# Errors that an operator can correct. They are shown in one line, without a traceback.
_OPERATOR_ERRORS = (
    *(SettingsError, CertificateError, OperatorKeyFileError, SecretFileError, RegionChangedError, CatalogueError),
    *(RegionsLeftBehindError, PricesChangedError),
)


async def serve(installation: Installation) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = stop_event()
    catalogue = load_catalogue(installation.catalogue_file, installation.prices_file)
    async with control_plane(installation, clock=SystemClock(), catalogue=catalogue):
        await stop.wait()


def main(
    config: Annotated[Path, typer.Option(help="The installation's domicile.toml.")],
    rotate: Annotated[
        Path | None, typer.Option("--rotate-key", help="Replace the publisher's key, with the root key in this file.")
    ] = None,
    root: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--rotate-root",
            help="Replace the root key in the first file by the one in the second, which is created if absent.",
        ),
    ] = None,
    leave_behind: Annotated[
        list[str] | None, typer.Option(help="A region that can follow only after an upgrade.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow-parent", help="Stop when standard input ends.")] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the control plane, or replace one of its keys and exit."""
    configure_logging(log_level)
    raise_descriptor_limit()
    if follow:
        follow_parent()
    try:
        installation = load_installation(config)
        secret_files.make_folder(installation.control.data)
        move_into(installation.control.data, "control")
        if rotate is not None:
            asyncio.run(rotate_key(installation.control, rotate))
        elif root is not None:
            asyncio.run(rotate_root(installation.control, *root, leave_behind or []))
        else:
            asyncio.run(serve(installation))
    except (*_OPERATOR_ERRORS, OSError) as error:
        sys.stderr.write(f"domicile control: {error}\n")
        raise typer.Exit(1) from None
