"""`domicile models`: the models that a project can use in its region, with the engines that serve them."""

from typing import Annotated

import typer

from domicile.cli.connection import connect
from domicile.cli.options import DataOption
from domicile.cli.output import JsonOption, Object, member, show_list


def _engines(model: Object) -> object:
    return model.get("domicile", {}).get("engines")


_COLUMNS = [("model", member("id")), ("owned by", member("owned_by")), ("answered by", _engines)]


def models(
    region: Annotated[str, typer.Option("--region", metavar="CODE", help="The region's code.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a region's models for a project. Its key is in DOMICILE_API_KEY, or in the file DOMICILE_API_KEY_FILE."""
    found = connect(data).region(region).whole("/models")
    show_list(found, _COLUMNS, as_json=as_json, nothing=f"Region '{region}' serves no model now.")
