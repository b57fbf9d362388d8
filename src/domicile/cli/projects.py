"""`domicile projects`: the projects of an organization. A project stays in the region where it was created."""

import sys
from typing import Annotated

import typer

from domicile.cli.api import segment
from domicile.cli.connection import Connection, connect, regions
from domicile.cli.failures import CommandError, UsageError
from domicile.cli.options import DataOption, QuietOption
from domicile.cli.output import JsonOption, member, moment, show_list, show_one

app = typer.Typer(help="Projects. Each belongs to one region permanently (admin key).", no_args_is_help=True)

_PATH = "/v1/organization/projects"
_COLUMNS = [
    ("id", member("id")),
    ("name", member("name")),
    ("region", member("region")),
    ("residency", member("residency")),
    ("status", member("status")),
    ("created", moment("created_at")),
]

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="proj_...")]


@app.command("list")
def list_projects(
    archived: Annotated[bool, typer.Option("--archived", help="Include archived projects.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the organization's projects."""
    found = connect(data).admin().all(_PATH, {"include_archived": "true"} if archived else None)
    show_list(
        found, _COLUMNS, as_json=as_json, nothing="There is no project. Create one with 'domicile projects create'."
    )


@app.command("create")
def create_project(
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    residency: Annotated[
        str | None, typer.Option("--residency", help="Its region by OpenAI's name, for example EU_STORAGE_PROCESSING.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="CODE", help="Its region by the region's code (operator key)."),
    ] = None,
    external_key: Annotated[
        str | None,
        typer.Option("--external-key", metavar="ID", help="Your own key that wraps the project's key: extkey_..."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Create a project. Without --residency or --region, it belongs to the default region."""
    if residency is not None and region is not None:
        raise UsageError("give --residency or --region, not both")
    connection = connect(data)
    if region is not None:
        residency = _residency_of(connection, region)
    chosen = {"name": name, "residency": residency, "external_key_id": external_key}
    made = connection.admin().post(_PATH, {name: value for name, value in chosen.items() if value is not None})
    if quiet:
        print(made["id"])
        return
    show_one(made, _COLUMNS, as_json=as_json)


@app.command("get")
def get_project(project: IdArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show a project."""
    show_one(connect(data).admin().get(f"{_PATH}/{segment(project)}"), _COLUMNS, as_json=as_json)


@app.command("retention")
def retention(
    project: IdArgument,
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="The new value; without it, show the current one.", show_default=False),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set the data retention of a project."""
    api, path = connect(data).admin(), f"{_PATH}/{segment(project)}/data_retention"
    found = api.get(path) if value is None else api.post(path, {"retention_type": value})
    show_one(found, [("retention", member("type"))], as_json=as_json)


@app.command("archive")
def archive_project(
    project: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Archive a project permanently. Its keys stop working at once. Asks for confirmation in a terminal."""
    api = connect(data).admin()
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Archive {project}? Its keys stop working, and this cannot be undone.", abort=True, err=True)
    show_one(api.post(f"{_PATH}/{segment(project)}/archive"), _COLUMNS, as_json=as_json)


def _residency_of(connection: Connection, code: str) -> str:
    found = {region["code"]: region["residency"] for region in regions(connection)}
    if code not in found:
        raise CommandError(f"there is no region '{code}'. The regions are: {', '.join(found)}.")
    return str(found[code])
