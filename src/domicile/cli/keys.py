"""`domicile keys`: the keys of a project. Each key belongs to a service account of the project."""

import re
from typing import Annotated, Any

import typer

from domicile.cli.api import segment
from domicile.cli.connection import connect
from domicile.cli.failures import UsageError
from domicile.cli.options import DataOption, ProjectOption, QuietOption
from domicile.cli.output import JsonOption, Object, member, moment, note, show_list, show_one

app = typer.Typer(help="Keys of a project (admin key).", no_args_is_help=True)

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def _account_name(key: Object) -> object:
    # The user gave this name to the account. The platform names the account's first key itself.
    return key["owner"]["service_account"]["name"]


_COLUMNS = [
    ("id", member("id")),
    ("name", _account_name),
    ("key", member("redacted_value")),
    ("expires", moment("expires_at")),
    ("created", moment("created_at")),
]
_NEW = [
    ("id", member("id")),
    ("name", member("name")),
    ("key", member("value")),
    ("expires", moment("expires_at")),
]


@app.command("list")
def list_keys(project: ProjectOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the project's keys, without their values."""
    found = connect(data).admin().all(f"{_path(project)}/api_keys")
    show_list(found, _COLUMNS, as_json=as_json, nothing="There is no key. Create one with 'domicile keys create'.")


@app.command("create")
def create_key(
    project: ProjectOption,
    name: Annotated[str, typer.Option("--name", help="What the key is for.")],
    expires_in: Annotated[
        str | None, typer.Option("--expires-in", metavar="TIME", help="For example 30d, 12h, 90m or 45s.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Create a service account with a key. The key is shown only once."""
    body: dict[str, Any] = {"name": name}
    if expires_in is not None:
        body["expires_in_seconds"] = _seconds(expires_in)
    account = connect(data).admin().post(f"{_path(project)}/service_accounts", body)
    key = account["api_key"]
    if quiet:
        print(key["value"])
    elif as_json:
        show_one(account, [], as_json=True)
    else:
        # Show the account's name, which the user gave; the platform names the key itself.
        show_one({**key, "name": account["name"]}, _NEW, as_json=False)
        note("Store the key now: it is not shown again.")


@app.command("delete")
def delete_key(
    key: Annotated[str, typer.Argument(metavar="KEY_ID", help="key_..., as in 'domicile keys list'.")],
    project: ProjectOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key. It stops working everywhere within seconds."""
    gone = connect(data).admin().delete(f"{_path(project)}/api_keys/{segment(key)}")
    show_one(gone, [("id", member("id")), ("deleted", member("deleted"))], as_json=as_json)


def _path(project: str) -> str:
    return f"/v1/organization/projects/{segment(project)}"


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text, re.ASCII)
    if match is None:
        raise UsageError(f"--expires-in '{text}' is not a duration. Write a number and s, m, h or d, for example 30d.")
    return int(match[1]) * _UNITS[match[2]]
