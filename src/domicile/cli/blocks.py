"""`domicile region block`: shuts a key or a project out of one region, through that region's own operator listener."""

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
        help="The folder of 'domicile up', which has the region's in it. Without it: the folder that "
        "DOMICILE_REGION_DATA names, else .domicile.",
        show_default=False,
    ),
]
SubjectArgument = Annotated[str, typer.Argument(metavar="ID", help="A key's id (key_...) or a project's (proj_...).")]


def block(subject: SubjectArgument, code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Shut a key or a project out of this region: at once, whatever the control plane says, until it is unblocked."""
    show_one(_operator(data, code).post(_PATH, {"id": subject}), _COLUMNS, as_json=as_json)


def unblock(subject: SubjectArgument, code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Let it in again, if the control plane does."""
    removed = _operator(data, code).delete(f"{_PATH}/{segment(subject)}")
    show_one(removed, [("id", member("id")), ("unblocked", member("deleted"))], as_json=as_json)


def blocks(code: CodeOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Every key and project that is shut out of this region."""
    show_list(_operator(data, code).whole(_PATH), _COLUMNS, as_json=as_json, nothing="Nobody is blocked.")


def add_to(app: typer.Typer) -> None:
    """Puts the commands beside the one that runs a region."""
    for command in (block, unblock, blocks):
        app.command()(command)


def _operator(data: Path | None, code: str) -> Api:
    alone = os.environ.get("DOMICILE_REGION_DATA")
    folder = Path(alone) if data is None and alone else (data or DEFAULT_DATA) / code
    return Api(_read(folder / "operator-url"), _read(folder / "operator-key").split("\n")[0].strip())


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(
            f"cannot read {file}: {getattr(error, 'strerror', None) or 'not text'}. This command runs on the region's own "
            "machine, while the region runs."
        ) from None
