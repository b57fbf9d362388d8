"""`domicile org`: organizations and their agreements. The operator's business."""

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
    str | None, typer.Argument(metavar="ID", help="org-...; without it the first organization.", show_default=False)
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
    """All organizations."""
    found = connect(data).operator().all(_PATH)
    show_list(found, _COLUMNS, as_json=as_json, nothing="There is no organization.")


@app.command("show")
def show_organization(organization: IdArgument = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """One organization and its agreement."""
    show_one(connect(data).operator().get(_path(organization)), _DETAILS, as_json=as_json)


@app.command("create")
def create_organization(
    name: Annotated[str, typer.Option("--name", help="Its name.")],
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """A new organization, without any agreement, and its first admin key, which is shown here only."""
    made = connect(data).operator().post(_PATH, {"name": name})
    if quiet:
        print(made["admin_api_key"]["value"])
        return
    show_one(made, [*_DETAILS, ("admin key", lambda it: it["admin_api_key"]["value"])], as_json=as_json)
    if not as_json:
        note("Keep the admin key now: it is not shown again.")


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
            help="Where ZDR is approved: 'all', 'none', or paths with commas between them.",
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
    """Record an agreement: what is named is set, the rest stays."""
    asked: dict[str, Any] = {
        "enterprise_agreement": enterprise,
        "zdr_eligible": zdr,
        "zdr_endpoints": None if zdr_endpoints is None else _endpoints(zdr_endpoints),
        "enhanced_zdr": enhanced,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    if not body:
        raise UsageError("name what to set, for example --enterprise-agreement --zdr --zdr-endpoints all")
    show_one(connect(data).operator().post(_path(organization), body), _DETAILS, as_json=as_json)


@app.command("retention")
def retention(
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="What to set; without it what is set.", show_default=False)
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is kept of your organization's content (admin key)."""
    api = connect(data).admin()
    found = api.get(_RETENTION) if value is None else api.post(_RETENTION, {"retention_type": value})
    show_one(found, [("retention", member("type"))], as_json=as_json)


def _path(organization: str | None) -> str:
    return _FIRST if organization is None else f"{_PATH}/{segment(organization)}"


def _endpoints(text: str) -> str | list[str]:
    if text == "all":
        return "all"
    return [] if text == "none" else [path.strip() for path in text.split(",") if path.strip()]
