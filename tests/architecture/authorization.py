"""The table of who is let in where: read from `authorization.toml`, compared with the URL maps, written out as a page.

`python -m tests.architecture.authorization` writes docs/authorization.md.
"""

import sys
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from starlette.routing import Route

from domicile.control_plane import http as control_http
from domicile.data_plane.http import app as region_app
from domicile.data_plane.operator import app as region_operator
from tests.architecture.source import ROOT

TABLE = Path(__file__).with_name("authorization.toml")
PAGE = ROOT / "docs" / "authorization.md"


@dataclass(frozen=True)
class Audience:
    """Who may enter, and what every kind of caller is answered: `served`, or status and code."""

    name: str
    means: str
    answers: dict[str, str]


@dataclass(frozen=True)
class Entry:
    """One method of one path."""

    listener: str
    method: str
    path: str
    audience: str
    served: str
    body: str | None

    @property
    def where(self) -> tuple[str, str, str]:
        return self.listener, self.method, self.path


@dataclass(frozen=True)
class Table:
    kinds: dict[str, str]
    audiences: dict[str, Audience]
    entries: tuple[Entry, ...]


def read_table() -> Table:
    raw = tomllib.loads(TABLE.read_text("utf-8"))
    audiences = {
        name: Audience(name, values["means"], {kind: each for kind, each in values.items() if kind != "means"})
        for name, values in raw["audiences"].items()
    }
    return Table(raw["kinds"], audiences, tuple(Entry(**({"body": None} | entry)) for entry in raw["paths"]))


class _Anything:
    """Stands where a handler would: the URL maps are built, and nothing is called."""

    def __getattr__(self, name: str) -> Any:
        return _Anything()

    def __call__(self, *_: object) -> Any:
        return _Anything()


def served_paths() -> set[tuple[str, str, str]]:
    """(listener, method, path) of all that the platform's listeners serve, from their own maps."""
    maps: dict[str, Callable[..., list[Route]]] = {
        "control": control_http.admin_routes,
        "boundary": control_http.boundary_routes,
        "region": region_app.region_routes,
        "region operator": region_operator.operator_routes,
    }
    found = set()
    for listener, build in maps.items():
        found |= methods_of(listener, build(*(_Anything() for _ in signature(build).parameters)))
    return found


def methods_of(listener: str, routes: Iterable[Route]) -> set[tuple[str, str, str]]:
    return {
        (listener, method, route.path) for route in routes for method in route.methods or () if method not in {"HEAD"}
    }


def page(table: Table) -> str:
    """docs/authorization.md."""
    lines = [
        "# Who is let in where",
        "",
        "Made by `python -m tests.architecture.authorization` from `tests/architecture/authorization.toml`. Every cell is",
        "tried against real listeners by `tests/residency/test_authorization_matrix.py`; a missing path fails the build.",
        "",
        "## Audiences",
        "",
        "| audience | who is served |",
        "|---|---|",
        *(f"| {audience.name} | {audience.means} |" for audience in table.audiences.values()),
        "",
        "## What each kind of caller is answered",
        "",
        "| sent | " + " | ".join(table.audiences) + " |",
        "|---|" + "---|" * len(table.audiences),
    ]
    for kind, meaning in table.kinds.items():
        cells = (_cell(audience.answers[kind]) for audience in table.audiences.values())
        lines.append(f"| **{kind}**: {meaning} | " + " | ".join(cells) + " |")
    for listener in dict.fromkeys(entry.listener for entry in table.entries):
        lines += ["", f"## The {listener} listener", "", "| path | audience |", "|---|---|"]
        lines += [
            f"| `{entry.method} {entry.path}` | {entry.audience} |"
            for entry in table.entries
            if entry.listener == listener
        ]
    return "\n".join([*lines, ""])


def _cell(answer: str) -> str:
    if answer == "served":
        return "**served**"
    status, _, code = answer.partition(" ")
    return f"{status} `{code}`"


if __name__ == "__main__":
    PAGE.write_text(page(read_table()), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
