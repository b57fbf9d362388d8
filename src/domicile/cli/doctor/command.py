"""The command: runs every check, prints one table, and sets the exit status."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from domicile.cli.connection import DEFAULT_DATA
from domicile.cli.doctor.finding import State
from domicile.cli.failures import UsageError
from domicile.cli.output import JsonOption, member, note, show_list

_CONFIGURATION = "domicile.toml"
_COLUMNS = [
    ("state", member("state")),
    ("where", member("where")),
    ("check", member("check")),
    ("found", member("found")),
    ("what to do", member("advice")),
]


def doctor(
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="The data folder of 'domicile up'.", show_default=False)
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The installation's domicile.toml.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check an installation: its configuration, files, certificates, clocks and processes."""
    # Imported here: loading the settings takes longer than most commands run.
    from domicile.cli.doctor.examination import examine

    if data is not None and config is not None:
        raise UsageError("give --data or --config, not both: a data folder has its own domicile.toml")
    file = config or (data or DEFAULT_DATA) / _CONFIGURATION
    findings = list(examine(file))
    show_list([asdict(finding) for finding in findings], _COLUMNS, as_json=as_json, nothing="")
    bad = sum(finding.state is State.FAIL for finding in findings)
    doubtful = sum(finding.state is State.WARN for finding in findings)
    if not as_json:
        note(f"{len(findings)} checks, {doubtful} warnings, {bad} failed")
    if bad:
        raise typer.Exit(1)
