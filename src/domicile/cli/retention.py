"""`domicile retention`: what a region holds of its projects' content, from its own operator listener."""

from typing import Annotated

import typer

from domicile.cli.blocks import CodeOption, DataOption, region_operator
from domicile.cli.output import JsonOption, member, moment, show_list

app = typer.Typer(help="Stored content of a region (its operator key).", no_args_is_help=True)

_COLUMNS = [
    ("project", member("project")),
    ("served", member("project_is_served")),
    ("kind", member("kind")),
    ("purpose", member("purpose")),
    ("bucket", member("bucket")),
    ("count", member("count")),
    ("bytes", member("bytes")),
    ("since", moment("since")),
    ("until", moment("until")),
    ("why", member("reason")),
]


@app.callback()
def _group() -> None:
    """A group, so that `report` is a command of its own."""


@app.command("report")
def report(
    code: CodeOption,
    project: Annotated[str | None, typer.Option("--project", metavar="ID", help="Only this project, proj_...")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what the region holds: of which project, since when, until when, and why. An `until` of - means no end."""
    query = {} if project is None else {"project": project}
    found = region_operator(data, code).all("/operator/v1/held_content", query)
    show_list(found, _COLUMNS, as_json=as_json, nothing="The region holds no content.")
