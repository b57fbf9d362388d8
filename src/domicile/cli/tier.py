"""`domicile tier`: Scale Tier units of projects, and what came of them, for the operator."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from domicile.cli.api import segment
from domicile.cli.connection import connect
from domicile.cli.options import DataOption, QuietOption
from domicile.cli.output import JsonOption, member, moment, show_list, show_one

app = typer.Typer(
    help="Scale Tier: what is sold to projects, and what came of it (operator key).", no_args_is_help=True
)

_PATH = "/operator/v1/entitlements"
_DAY_S = 86_400
_NANODOLLARS = 1_000_000_000

OneProject = Annotated[str | None, typer.Option("--project", metavar="ID", help="Only this project, proj_...")]
Units = Annotated[int, typer.Option(min=1, show_default=False, help="Units; the catalogue says what a unit is.")]
Dollars = Annotated[float, typer.Option(min=0, help="Dollars for a unit and day.")]

_COLUMNS = [
    ("id", member("id")),
    ("project", member("project_id")),
    ("model", member("model")),
    ("status", member("status")),
    ("units in", member("input_units")),
    ("units out", member("output_units")),
    ("tokens/min in", member("input_tokens_per_minute")),
    ("tokens/min out", member("output_tokens_per_minute")),
    ("starts", moment("starts_at")),
    ("ends", moment("ends_at")),
]
_REPORT = [
    ("day", moment("start_time")),
    ("project", member("project_id")),
    ("model", member("model")),
    ("units in", member("input_units")),
    ("units out", member("output_units")),
    ("used in", member("used_input")),
    ("used out", member("used_output")),
    ("requests", member("num_model_requests")),
    ("availability", member("availability")),
    ("tokens/s", member("tokens_per_second")),
    ("first token p50", member("p50")),
    ("p99", member("p99")),
]


@app.command("list")
def list_entitlements(project: OneProject = None, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List what has been sold, oldest first."""
    found = connect(data).operator().all(_PATH, {} if project is None else {"project_id": project})
    show_list(found, _COLUMNS, as_json=as_json, nothing="No Scale Tier units have been sold.")


@app.command("sell")
def sell(
    project: Annotated[str, typer.Option("--project", metavar="ID", help="proj_...")],
    model: Annotated[str, typer.Option("--model", metavar="SNAPSHOT")],
    input_units: Units,
    output_units: Units,
    days: Annotated[int, typer.Option(min=1, help="For so many days, from now on.")] = 30,
    input_price: Dollars = 0.0,
    output_price: Dollars = 0.0,
    data: DataOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Sell units of a model to a project, from now on."""
    sale = {
        "project_id": project,
        "model": model,
        "input_units": input_units,
        "output_units": output_units,
        "ends_at": int(time.time()) + days * _DAY_S,
        "input_unit_nanodollars_per_day": round(input_price * _NANODOLLARS),
        "output_unit_nanodollars_per_day": round(output_price * _NANODOLLARS),
    }
    sold = connect(data).operator().post(_PATH, sale)
    if quiet:
        print(sold["id"])
        return
    show_one(sold, _COLUMNS, as_json=as_json)


@app.command("end")
def end(
    entitlement: Annotated[str, typer.Argument(metavar="ID", help="ent_...")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """End an entitlement now."""
    show_one(connect(data).operator().delete(f"{_PATH}/{segment(entitlement)}"), _COLUMNS, as_json=as_json)


@app.command("report")
def report(
    project: OneProject = None,
    days: Annotated[int, typer.Option(min=1, max=31, help="The last days, UTC, today included.")] = 7,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show by day how much of each entitlement was used, how fast its answers came, and how many the platform failed."""
    api = connect(data).operator()
    now = int(time.time())
    span = {"start_time": now // _DAY_S * _DAY_S - (days - 1) * _DAY_S}
    rows: list[Mapping[str, Any]] = []
    for sold in api.all(_PATH, {} if project is None else {"project_id": project}):
        levels = api.get(f"{_PATH}/{segment(sold['id'])}/service_levels", span)["data"]
        rows += levels if as_json else [_row(sold, level, now) for level in levels]
    nothing = "No request has run in the scale tier in these days."
    show_list(rows, _REPORT, as_json=as_json, nothing=nothing)


def _row(sold: Mapping[str, Any], level: Mapping[str, Any], now: int) -> dict[str, Any]:
    in_force_s = min(level["end_time"], sold["ends_at"], now) - max(level["start_time"], sold["starts_at"])
    availability, rate = level["availability"], level["tokens_per_second"]
    return {
        **sold,
        **level,
        "used_input": _share(level["input_tokens"], sold["input_tokens_per_minute"], in_force_s),
        "used_output": _share(level["output_tokens"], sold["output_tokens_per_minute"], in_force_s),
        "availability": None if availability is None else f"{availability:.3%}",
        "tokens_per_second": None if rate is None else f"{rate:.1f}",
        "p50": _milliseconds(level["first_token_p50_ms"]),
        "p99": _milliseconds(level["first_token_p99_ms"]),
    }


def _share(used: int, tokens_per_minute: int, in_force_s: int) -> str:
    """How much of what was sold for this time was used."""
    sold = tokens_per_minute * max(1, in_force_s) / 60
    return f"{used / sold:.1%}"


def _milliseconds(value: int | None) -> str | None:
    return None if value is None else f"{value} ms"
