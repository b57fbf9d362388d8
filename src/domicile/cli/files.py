"""`domicile files`: the files of a project, in its region."""

from pathlib import Path
from typing import Annotated

import typer

from domicile.cli import transfer
from domicile.cli.api import segment
from domicile.cli.connection import connect
from domicile.cli.options import DataOption, QuietOption, RegionOption
from domicile.cli.output import JsonOption, member, moment, note, show_list, show_one

app = typer.Typer(
    help="Files of a project. Its key is in DOMICILE_API_KEY, or in the file DOMICILE_API_KEY_FILE.",
    no_args_is_help=True,
)
FileArgument = Annotated[str, typer.Argument(metavar="ID", help="The file's id, file-...")]

_COLUMNS = [
    ("id", member("id")),
    ("name", member("filename")),
    ("purpose", member("purpose")),
    ("bytes", member("bytes")),
    ("created", moment("created_at")),
    ("expires", moment("expires_at")),
]


@app.command("upload")
def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to send.")],
    region: RegionOption,
    purpose: Annotated[str, typer.Option("--purpose", help="batch, fine-tune, user_data, vision or evals.")],
    expires_after: Annotated[
        int | None, typer.Option("--expires-after", metavar="SECONDS", help="Delete it after 3600 to 2592000 seconds.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Send FILE to the region, with a progress bar on a terminal."""
    made = transfer.upload(connect(data).region(region), file, purpose=purpose, expires_after_s=expires_after)
    if quiet:
        print(made["id"])
        return
    show_one(made, _COLUMNS, as_json=as_json)


@app.command("list")
def list_files(
    region: RegionOption,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Only files of this purpose.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the files of the project, the newest first."""
    query = {} if purpose is None else {"purpose": purpose}
    found = connect(data).region(region).all("/files", query)
    show_list(found, _COLUMNS, as_json=as_json, nothing="There is no file.")


@app.command("get")
def get_file(file_id: FileArgument, region: RegionOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show one file, without its content."""
    show_one(connect(data).region(region).get(f"/files/{segment(file_id)}"), _COLUMNS, as_json=as_json)


@app.command("download")
def download(
    file_id: FileArgument,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Where to write it. It must not exist.")],
    region: RegionOption,
    data: DataOption = None,
) -> None:
    """Write a file's content to TARGET: whole, or not at all."""
    size = transfer.download(connect(data).region(region), segment(file_id), target)
    note(f"{size} bytes in {target}")


@app.command("delete")
def delete_file(file_id: FileArgument, region: RegionOption, data: DataOption = None) -> None:
    """Delete a file for ever."""
    connect(data).region(region).delete(f"/files/{segment(file_id)}")
    note(f"{file_id} is deleted")
