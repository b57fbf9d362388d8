"""`domicile region block`: blocks a key or a project in one region, through the region's own operator listener."""

import os
from pathlib import Path
from typing import Annotated

import typer

from domicile.cli.api import Api, segment
from domicile.cli.connection import DEFAULT_DATA
from domicile.cli.failures import CommandError
from domicile.cli.output import JsonOption, member, moment, show_list, show_one

_PATH = "/operator/v1/blocks"
_COLUMNS = [("id", member("id")), ("blocked", moment("blocked_at"))]

CodeOption = Annotated[str, typer.Option("--region", metavar="CODE", help="The region's code.")]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder of 'domicile up', which contains the region's folder. Default: the region's folder named in "
        "DOMICILE_REGION_DATA, else .domicile.",
        show_default=False,
    ),
]
SubjectArgument = Annotated[str, typer.Argument(metavar="ID", help="A key's id (key_...) or a project's (proj_...).")]


def block(subject: SubjectArgument, code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Block a key or a project in this region, at once and until it is unblocked, whatever the control plane says."""
    show_one(region_operator(data, code).post(_PATH, {"id": subject}), _COLUMNS, as_json=as_json)


def unblock(subject: SubjectArgument, code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Remove a block. Access then depends on the control plane again."""
    removed = region_operator(data, code).delete(f"{_PATH}/{segment(subject)}")
    show_one(removed, [("id", member("id")), ("unblocked", member("deleted"))], as_json=as_json)


def blocks(code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the keys and projects that are blocked in this region."""
    show_list(
        region_operator(data, code).whole(_PATH), _COLUMNS, as_json=as_json, nothing="No key or project is blocked."
    )


def add_to(app: typer.Typer) -> None:
    """Add the commands to `app`, beside the command that runs a region."""
    for command in (block, unblock, blocks):
        app.command()(command)


def region_operator(data: Path | None, code: str) -> Api:
    """A client of the region's operator listener. Raises `CommandError` unless the region runs on this machine."""
    region_folder = os.environ.get("DOMICILE_REGION_DATA")
    folder = Path(region_folder) if data is None and region_folder else (data or DEFAULT_DATA) / code
    return Api(_read(folder / "operator-url"), _read(folder / "operator-key").split("\n")[0].strip())


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"cannot read {file}: {getattr(error, 'strerror', None) or 'not text'}. Run this command on the region's "
            "machine while the region runs."
        ) from None
