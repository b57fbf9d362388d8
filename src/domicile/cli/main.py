"""The console script `domicile`."""

import sys

import typer

from domicile.cli import (
    batches,
    blocks,
    files,
    keys,
    organizations,
    processes,
    projects,
    regions,
    retention,
    tier,
    usage,
)
from domicile.cli.doctor.command import doctor
from domicile.cli.failures import CommandError, UsageError
from domicile.cli.models import models

app = typer.Typer(
    name="domicile",
    help="A self-hosted, OpenAI-compatible API platform with data residency.",
    no_args_is_help=True,
    # A traceback does not help the user, and one with local variables could show a key.
    pretty_exceptions_enable=False,
)
for _command in (processes.up, processes.engine, models, doctor):
    app.command()(_command)
app.add_typer(processes.control_app, name="control")
app.add_typer(processes.region_app, name="region")
app.add_typer(organizations.app, name="org")
app.add_typer(projects.app, name="projects")
app.add_typer(keys.app, name="keys")
app.add_typer(regions.app, name="regions")
app.add_typer(files.app, name="files")
app.add_typer(batches.app, name="batches")
app.add_typer(retention.app, name="retention")
app.add_typer(usage.app, name="usage")
app.add_typer(tier.app, name="tier")
blocks.add_to(processes.region_app)


def run() -> None:
    """Run a command. Exit status: 0 success, 1 refused or failed, 2 wrong arguments."""
    try:
        app()
    except CommandError as error:
        print(f"domicile: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
