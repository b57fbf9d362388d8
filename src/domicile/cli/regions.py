"""`domicile regions`: the regions of the installation, and their enrollment."""

from typing import Annotated

import typer

from domicile.cli.api import segment
from domicile.cli.connection import connect, regions
from domicile.cli.options import DataOption
from domicile.cli.output import JsonOption, Object, member, moment, note, show_list, show_one

app = typer.Typer(help="Regions of the installation (operator key).", no_args_is_help=True)


def _replicas(region: Object) -> str:
    ages = [f"{replica['last_contact_age_seconds']:.0f} s ago" for replica in region["replicas"]]
    return f"{len(ages)} (last heard of {', '.join(ages)})" if ages else "none"


def _root_key(region: Object) -> str | None:
    if region.get("root_key") is None:
        return None
    return "current" if region["root_key_is_current"] else "an older one"


_COLUMNS = [
    ("code", member("code")),
    ("URL", member("public_url")),
    ("residency", member("residency")),
    ("requires", member("requires")),
    ("enrolled", member("enrolled")),
    ("root key", _root_key),
    ("replicas", _replicas),
]


@app.command("list")
def list_regions(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the regions of the configuration."""
    show_list(regions(connect(data)), _COLUMNS, as_json=as_json, nothing="There is no region.")


@app.command("enroll")
def enroll_region(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The region's code.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a token with which the region CODE can enroll once, within an hour."""
    made = connect(data).operator().post(f"/operator/v1/regions/{segment(code)}/enrollment_tokens")
    if as_json:
        show_one(made, [], as_json=True)
        return
    print(made["token"])
    note(
        f"Write it to the file that 'token_file' in [regions.enrollment] of region '{code}' names, with mode 0600. Then start "
        f"the region: 'domicile region {code}'. The token works once, until {moment('expires_at')(made)}."
    )
