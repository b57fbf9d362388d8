"""`domicile usage`: compares regions' ledgers with the control plane's sums, and exports costs."""

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from domicile.cli.api import Api
from domicile.cli.blocks import region_operator
from domicile.cli.connection import connect, regions
from domicile.cli.failures import CommandError, UsageError
from domicile.cli.focus import COLUMNS as FOCUS_COLUMNS
from domicile.cli.focus import focus_row, plain_amount
from domicile.cli.options import DataOption
from domicile.cli.output import Column, JsonOption, Object, member, moment, note, show_list

app = typer.Typer(help="Usage and costs of all organizations (operator key).", no_args_is_help=True)

MonthOption = Annotated[
    str | None,
    typer.Option("--month", metavar="YYYY-MM", help="The month, UTC. Default: this one.", show_default=False),
]
_QUANTITIES = (
    "requests",
    "input_tokens",
    "input_cached_tokens",
    "output_tokens",
    "output_reasoning_tokens",
    "characters",
    "audio_milliseconds",
    "images",
)
_DIFFERENCES: list[Column] = [
    ("region", member("region")),
    ("day", member("day")),
    ("project", member("project_id")),
    ("model", member("model")),
    ("quantity", member("quantity")),
    ("ledger", member("ledger")),
    ("control plane", member("control")),
]
_PLAIN_COLUMNS = (
    *("day", "organization_id", "project_id", "region", "model", "line_item", "quantity", "quantity_unit"),
    "amount_usd",
)


@app.command("reconcile")
def reconcile(
    month: MonthOption = None,
    day: Annotated[str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Only this day, UTC.")] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region", metavar="CODE", help="Only this region, on whose machine the command runs. May be repeated."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare each region's ledger with what the control plane has counted. Exit status 1 on any difference."""
    connection = connect(data)
    operator = connection.operator()
    days = [_day(day)] if day is not None else list(_days(month))
    codes = region or [str(each["code"]) for each in regions(connection)]
    differences: list[Object] = []
    waiting = []
    for code in codes:
        ledger = region_operator(data, code)
        for each in days:
            answer = ledger.get("/operator/v1/usage", {"day": each.isoformat()})
            differences += _differences(code, each, answer["data"], operator)
        waiting += _waiting(code, answer)
    gaps = _gaps(operator, days, codes)
    show_list(differences, _DIFFERENCES, as_json=as_json, nothing="The ledgers and the control plane agree.")
    for text in (*waiting, *gaps):
        note(text)
    if differences:
        raise CommandError(
            f"{len(differences)} sums differ. What is not reported yet arrives within seconds: run this again. A difference "
            "that stays comes from a report that was refused (see above), or from a database that was restored."
        )


@app.command("export")
def export(
    month: MonthOption = None,
    organization: Annotated[
        str | None, typer.Option("--organization", metavar="ID", help="Only this organization, org-...")
    ] = None,
    focus: Annotated[bool, typer.Option("--focus", help="FOCUS 1.2 columns, for tools that compare costs.")] = False,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE", help="Default: standard output.")] = None,
    data: DataOption = None,
) -> None:
    """Write a month's costs as CSV, a row for each day, project, region and line item."""
    operator = connect(data).operator()
    query = {} if organization is None else {"organization_id": organization}
    rows = (
        (each, line)
        for each in _days(month)
        for line in operator.get("/operator/v1/costs", {"day": each.isoformat(), **query})["data"]
    )
    try:
        with output.open("x", encoding="utf-8", newline="") if output else _Standard() as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(FOCUS_COLUMNS if focus else _PLAIN_COLUMNS)
            for each, line in rows:
                writer.writerow(focus_row(each, line) if focus else _plain_row(each, line))
    except FileExistsError:
        raise CommandError(f"{output} exists already: name another file") from None
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error.strerror}") from None


class _Standard:
    """Standard output, which stays open."""

    def __enter__(self) -> Any:
        return sys.stdout

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()


def _plain_row(day: date, line: Object) -> list[object]:
    owners = (line["organization_id"], line["project_id"], line["region"])
    item = (line["model"], line["line_item"], line["quantity"], line["quantity_unit"])
    return [day.isoformat(), *owners, *item, plain_amount(line["femtodollars"])]


def _differences(code: str, day: date, ledger: list[dict[str, Any]], operator: Api) -> list[Object]:
    counted = operator.get("/operator/v1/usage", {"day": day.isoformat(), "region": code})["data"]
    there, here = ({(each["project_id"], each["model"]): each for each in rows} for rows in (ledger, counted))
    found: list[Object] = []
    for project_id, model in sorted(there.keys() | here.keys()):
        pair = [rows.get((project_id, model), {}) for rows in (there, here)]
        for name in _QUANTITIES:
            theirs, ours = (int(each.get(name, 0)) for each in pair)
            if theirs != ours:
                place = {"region": code, "day": day.isoformat(), "project_id": project_id, "model": model}
                found.append({**place, "quantity": name, "ledger": theirs, "control": ours})
    return found


def _waiting(code: str, answer: Object) -> list[str]:
    texts = []
    if answer["unreported_entries"] or answer["waiting_reports"]:
        texts.append(
            f"Region {code}: {answer['unreported_entries']} entries are not reported yet, "
            f"and {answer['waiting_reports']} reports are on their way."
        )
    if answer["refused_reports"]:
        texts.append(f"Region {code}: the control plane refused {answer['refused_reports']} reports for good.")
    return texts


def _gaps(operator: Api, days: list[date], codes: list[str]) -> list[str]:
    """Processes that were killed: entries of their last second may be in no ledger, unless metering is durable."""
    query = {
        "event_types[]": "region.metering_gap",
        "effective_at[gte]": _seconds(days[0]),
        "effective_at[lt]": _seconds(days[-1] + timedelta(days=1)),
    }
    return [
        f"Region {each['region']}: a process was killed before {moment('effective_at')(each)}. Without 'durable', up to a "
        "second of its usage is in no ledger."
        for each in operator.all("/operator/v1/audit_logs", query)
        if each["region"] in codes
    ]


def _days(month: str | None) -> Iterator[date]:
    """The days of a month, until today."""
    today = datetime.now(UTC).date()
    try:
        day = today.replace(day=1) if month is None else date.fromisoformat(f"{month}-01")
    except ValueError:
        raise UsageError(f"'{month}' is not a month, such as 2026-11") from None
    if day > today:
        raise UsageError(f"{month} has not begun yet")
    number = day.month
    while day.month == number and day <= today:
        yield day
        day += timedelta(days=1)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"'{text}' is not a day, such as 2026-11-30") from None


def _seconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
