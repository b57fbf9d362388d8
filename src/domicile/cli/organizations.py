"""`domicile org`: organizations and their agreements, for the operator."""

from typing import Annotated, Any

import typer

from domicile.cli.api import segment
from domicile.cli.connection import connect
from domicile.cli.failures import UsageError
from domicile.cli.options import DataOption, QuietOption
from domicile.cli.output import JsonOption, member, moment, note, show_list, show_one

app = typer.Typer(help="Organizations and their agreements (operator key).", no_args_is_help=True)

_PATH = "/operator/v1/organizations"
_FIRST = "/operator/v1/organization"
_RETENTION = "/v1/organization/data_retention"

IdArgument = Annotated[
    str | None, typer.Argument(metavar="ID", help="org-...; default: the first organization.", show_default=False)
]
_COLUMNS = [
    ("id", member("id")),
    ("name", member("name")),
    ("enterprise agreement", member("enterprise_agreement")),
    ("ZDR eligible", member("zdr_eligible")),
    ("enhanced ZDR", member("enhanced_zdr")),
    ("retention", member("retention")),
    ("created", moment("created_at")),
]
_DETAILS = [*_COLUMNS, ("ZDR approved for", member("zdr_endpoints"))]


@app.command("list")
def list_organizations(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List all organizations."""
    found = connect(data).operator().all(_PATH)
    show_list(found, _COLUMNS, as_json=as_json, nothing="There is no organization.")


@app.command("show")
def show_organization(organization: IdArgument = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """Show an organization and its agreement."""
    show_one(connect(data).operator().get(_path(organization)), _DETAILS, as_json=as_json)


@app.command("create")
def create_organization(
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Create an organization without agreements, and its first admin key. The key is shown only once."""
    made = connect(data).operator().post(_PATH, {"name": name})
    if quiet:
        print(made["admin_api_key"]["value"])
        return
    show_one(made, [*_DETAILS, ("admin key", lambda it: it["admin_api_key"]["value"])], as_json=as_json)
    if not as_json:
        note("Store the admin key now: it is not shown again.")


@app.command("set")
def set_agreement(
    organization: IdArgument = None,
    enterprise: Annotated[
        bool | None, typer.Option("--enterprise-agreement/--no-enterprise-agreement", show_default=False)
    ] = None,
    zdr: Annotated[bool | None, typer.Option("--zdr/--no-zdr", help="Eligible for ZDR.", show_default=False)] = None,
    zdr_endpoints: Annotated[
        str | None,
        typer.Option(
            "--zdr-endpoints",
            metavar="PATHS",
            help="The endpoints with approved ZDR: 'all', 'none', or paths separated by commas.",
            show_default=False,
        ),
    ] = None,
    enhanced: Annotated[
        bool | None,
        typer.Option("--enhanced-zdr/--no-enhanced-zdr", help="Approved for image inputs.", show_default=False),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change an agreement. Only the given options change."""
    options: dict[str, Any] = {
        "enterprise_agreement": enterprise,
        "zdr_eligible": zdr,
        "zdr_endpoints": None if zdr_endpoints is None else _endpoints(zdr_endpoints),
        "enhanced_zdr": enhanced,
    }
    body = {name: value for name, value in options.items() if value is not None}
    if not body:
        raise UsageError("give at least one option, for example --enterprise-agreement --zdr --zdr-endpoints all")
    show_one(connect(data).operator().post(_path(organization), body), _DETAILS, as_json=as_json)


@app.command("retention")
def retention(
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="The new value; without it, show the current one.", show_default=False),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set the data retention of your organization (admin key)."""
    api = connect(data).admin()
    found = api.get(_RETENTION) if value is None else api.post(_RETENTION, {"retention_type": value})
    show_one(found, [("retention", member("type"))], as_json=as_json)


def _path(organization: str | None) -> str:
    return _FIRST if organization is None else f"{_PATH}/{segment(organization)}"


def _endpoints(text: str) -> str | list[str]:
    if text == "all":
        return "all"
    return [] if text == "none" else [path.strip() for path in text.split(",") if path.strip()]
