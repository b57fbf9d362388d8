"""`domicile batches`: the batches of a project, in its region."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from domicile.cli import transfer
from domicile.cli.api import Api, segment
from domicile.cli.connection import connect
from domicile.cli.failures import CommandError
from domicile.cli.options import DataOption, QuietOption, RegionOption
from domicile.cli.output import JsonOption, Object, member, moment, note, note_console, show_list, show_one

app = typer.Typer(
    help="Batches of a project. Its key is in DOMICILE_API_KEY, or in the file DOMICILE_API_KEY_FILE.",
    no_args_is_help=True,
)
BatchArgument = Annotated[str, typer.Argument(metavar="ID", help="The batch's id, batch_...")]

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_POLL_S = 1.0


def _counts(batch: Object) -> str:
    counts = batch.get("request_counts") or {"completed": 0, "failed": 0, "total": 0}
    return f"{counts['completed']} of {counts['total']}, {counts['failed']} failed"


def _errors(batch: Object) -> list[str]:
    found = (batch.get("errors") or {}).get("data") or []
    return [f"line {each['line']}: {each['message']}" if each.get("line") else each["message"] for each in found]


_COLUMNS = [
    ("id", member("id")),
    ("status", member("status")),
    ("endpoint", member("endpoint")),
    ("requests", _counts),
    ("created", moment("created_at")),
    ("output file", member("output_file_id")),
    ("error file", member("error_file_id")),
    ("errors", _errors),
]


@app.command("create")
def create(
    input_file: Annotated[str, typer.Argument(metavar="FILE_ID", help="The input, a file with the purpose 'batch'.")],
    region: RegionOption,
    endpoint: Annotated[
        str, typer.Option("--endpoint", help="The path that every line calls.")
    ] = "/v1/chat/completions",
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Start a batch. It is done within 24 hours."""
    body = {"input_file_id": input_file, "endpoint": endpoint, "completion_window": "24h"}
    made = connect(data).region(region).post("/batches", body)
    if quiet:
        print(made["id"])
        return
    show_one(made, _COLUMNS, as_json=as_json)


@app.command("list")
def list_batches(region: RegionOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the batches of the project, the newest first."""
    found = connect(data).region(region).all("/batches")
    show_list(found, _COLUMNS[:-1], as_json=as_json, nothing="There is no batch.")


@app.command("get")
def get_batch(
    batch_id: BatchArgument, region: RegionOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Show one batch."""
    show_one(_get(connect(data).region(region), batch_id), _COLUMNS, as_json=as_json)


@app.command("watch")
def watch(batch_id: BatchArgument, region: RegionOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show a batch's progress until it ends. Exits with 1 unless it is completed."""
    api = connect(data).region(region)
    with _progress() as progress:
        task = progress.add_task(batch_id, total=None, status="")
        while (batch := _get(api, batch_id))["status"] not in _ENDED:
            _advance(progress, task, batch)
            time.sleep(_POLL_S)
        _advance(progress, task, batch)
    show_one(batch, _COLUMNS, as_json=as_json)
    if batch["status"] != "completed":
        raise typer.Exit(1)


@app.command("download")
def download(
    batch_id: BatchArgument,
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="Where to write the output. It must not exist.")],
    region: RegionOption,
    errors: Annotated[bool, typer.Option("--errors", help="The error file instead of the output file.")] = False,
    data: DataOption = None,
) -> None:
    """Write the output of an ended batch to TARGET."""
    api = connect(data).region(region)
    kind = "error" if errors else "output"
    file_id = _get(api, batch_id).get(f"{kind}_file_id")
    if file_id is None:
        raise CommandError(f"{batch_id} has no {kind} file. See 'domicile batches get {batch_id}'.")
    note(f"{transfer.download(api, segment(str(file_id)), target)} bytes in {target}")


@app.command("cancel")
def cancel(batch_id: BatchArgument, region: RegionOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Begin no further line. The answers that are there are kept."""
    made = connect(data).region(region).post(f"/batches/{segment(batch_id)}/cancel")
    show_one(made, _COLUMNS, as_json=as_json)


def _get(api: Api, batch_id: str) -> Object:
    return api.get(f"/batches/{segment(batch_id)}")


def _advance(progress: Progress, task: TaskID, batch: Object) -> None:
    counts = batch.get("request_counts") or {"completed": 0, "failed": 0, "total": 0}
    progress.update(
        task,
        total=counts["total"] or None,
        completed=counts["completed"] + counts["failed"],
        status=batch["status"],
    )


class _Rate(ProgressColumn):
    """Lines per second, as soon as there are any."""

    def render(self, task: Task) -> Text:
        """The rate of the last seconds."""
        return Text("" if task.speed is None else f"{task.speed:.1f} lines/s")


def _progress() -> Progress:
    """A bar on standard error of a terminal; nothing elsewhere."""
    console = note_console()
    columns = (TextColumn("{task.description}", markup=False), TextColumn("{task.fields[status]}"), BarColumn())
    times = (MofNCompleteColumn(), _Rate(), TimeElapsedColumn())
    return Progress(*columns, *times, TimeRemainingColumn(), console=console, disable=not console.is_terminal)
