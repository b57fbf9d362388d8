"""Prints results: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

Object = Mapping[str, Any]
Column = tuple[str, Callable[[Object], object]]

JsonOption = Annotated[bool, typer.Option("--json", help="Print the server's JSON, for programs.")]

_WIDTH_OUTSIDE_A_TERMINAL = 200


def member(name: str) -> Callable[[Object], object]:
    """A column that shows the member `name` unchanged."""
    return lambda thing: thing.get(name)


def moment(name: str) -> Callable[[Object], object]:
    """A column that shows the member `name`, a Unix time in seconds, as UTC."""

    def shown(thing: Object) -> object:
        value = thing.get(name)
        return None if value is None else datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M UTC")

    return shown


def show_list(things: Sequence[Object], columns: Sequence[Column], *, as_json: bool, nothing: str) -> None:
    """Print one row for each thing. `nothing`: the text to print for an empty list."""
    if as_json:
        _print_json(things)
        return
    if not things:
        print(nothing)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading, _ in columns:
        table.add_column(heading, overflow="fold")
    for thing in things:
        table.add_row(*(_text(value(thing)) for _, value in columns))
    _console().print(table)


def show_one(thing: Object, columns: Sequence[Column], *, as_json: bool) -> None:
    """Print one line for each column of a thing."""
    if as_json:
        _print_json(thing)
        return
    width = max(len(heading) for heading, _ in columns) + 2
    for heading, value in columns:
        print(f"{heading:<{width}}{_text(value(thing))}")


def note(text: str) -> None:
    """Print a note for a person, on standard error."""
    print(text, file=sys.stderr)


def note_console() -> Console:
    """The console on standard error, for progress bars."""
    return Console(stderr=True, markup=False, highlight=False)


def _console() -> Console:
    console = Console(markup=False, highlight=False)
    # A file or a pipe has no width, and rich's default of 80 would break ids.
    return console if console.is_terminal else Console(markup=False, highlight=False, width=_WIDTH_OUTSIDE_A_TERMINAL)


def _print_json(value: object) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _text(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value) or "-"
    # A name may come from another user, so control characters must not reach the terminal.
    return "".join(character if character.isprintable() else "?" for character in str(value))
