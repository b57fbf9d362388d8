"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="The data folder of a running 'domicile up'. Default: DOMICILE_CONTROL_URL with DOMICILE_ADMIN_KEY and "
        "DOMICILE_OPERATOR_KEY (or ..._FILE), else .domicile.",
        show_default=False,
    ),
]
ProjectOption = Annotated[str, typer.Option("--project", metavar="ID", help="The project's id, proj_...")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print only the result, for $( ).")]
RegionOption = Annotated[str, typer.Option("--region", metavar="CODE", help="The region's code.")]
