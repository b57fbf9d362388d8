"""The table of who is let in where is whole: every path of every listener, every kind of caller, and the page made from it."""

import ast

import pytest
from starlette.routing import Route

from tests.architecture.authorization import PAGE, Audience, methods_of, page, read_table, served_paths
from tests.architecture.source import modules

TABLE = read_table()

# An embedded engine's socket is for its user alone: its one caller is its region, so it lets nobody in by a key.
ENGINE = "domicile_engines/app/application.py"
LISTENERS = {
    "domicile/apps/control/serving.py": "control and boundary",
    "domicile/data_plane/http/app.py": "region",
    "domicile/data_plane/operator/app.py": "region operator",
}


def test_every_path_is_in_the_table_and_none_that_is_not_served() -> None:
    listed = [entry.where for entry in TABLE.entries]
    assert len(set(listed)) == len(listed)
    assert set(listed) == served_paths()


def test_a_path_that_nobody_has_listed_is_noticed() -> None:
    async def nothing(_request: object) -> None: ...

    added = methods_of("region", [Route("/v1/new", nothing, methods=["GET", "DELETE"])])
    assert added == {("region", "GET", "/v1/new"), ("region", "DELETE", "/v1/new")}
    assert not added & {entry.where for entry in TABLE.entries}


def applications() -> set[str]:
    return {
        name
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Application"
    }


def test_every_listener_is_known() -> None:
    """A new `Application` needs its own rows, or its own reason."""
    assert applications() == {*LISTENERS, ENGINE}


@pytest.mark.parametrize("audience", TABLE.audiences.values(), ids=lambda audience: audience.name)
def test_every_audience_answers_every_kind(audience: Audience) -> None:
    assert set(audience.answers) == set(TABLE.kinds)


def test_every_audience_has_a_path_and_every_path_an_audience() -> None:
    assert {entry.audience for entry in TABLE.entries} == set(TABLE.audiences)


def test_the_page_is_current() -> None:
    """`python -m tests.architecture.authorization` writes it."""
    assert PAGE.read_text("utf-8") == page(TABLE)
