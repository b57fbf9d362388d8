"""docs/catalogue.md says what the data says: every name in it, and no class that has changed since."""

import re
from pathlib import Path

import pytest

from domicile.catalogue.catalogue import load_catalogue
from domicile.catalogue.endpoints import Endpoint
from domicile.catalogue.parameters import ParameterClass

CATALOGUE = load_catalogue()
PAGE = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text("utf-8")


def section(endpoint: Endpoint) -> str:
    """What the page says of an endpoint's parameters."""
    return PAGE.partition(f"## Parameters of `{endpoint}`\n")[2].partition("\n## ")[0]


def cells(first: str, page: str = PAGE) -> list[set[str]]:
    """The names in the second and third column of the table rows whose first column is `first`."""
    rows = re.findall(rf"^\| {re.escape(first)} \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    return [set(re.findall(r"`([^`]+)`", cell)) for row in rows for cell in row]


@pytest.mark.parametrize("line", ["C20", "C21", "C22", "C23", "C25", "C26"])
def test_every_line_of_the_table_is_there(line: str) -> None:
    told = {
        (endpoint, model)
        for endpoints, models in zip(cells(line)[::2], cells(line)[1::2], strict=True)
        for endpoint in endpoints
        for model in models
    }
    assert told == {(row.endpoint.value, row.model) for row in CATALOGUE.rows if row.contract == line}


def test_every_alias_and_every_snapshot_is_there() -> None:
    assert {name for name in CATALOGUE.entries if f"`{name}`" not in PAGE} == set()


ENDPOINTS = pytest.mark.parametrize("endpoint", CATALOGUE.parameters, ids=str)


@ENDPOINTS
@pytest.mark.parametrize("kind", [ParameterClass.PASS, ParameterClass.PLATFORM, ParameterClass.REFUSE])
def test_every_parameter_is_there_with_its_class(endpoint: Endpoint, kind: ParameterClass) -> None:
    rules = CATALOGUE.parameters[endpoint].parameters
    listed = cells(kind.value, section(endpoint))
    assert (listed[0] if listed else set()) == {name for name, rule in rules.items() if rule.kind is kind}


@ENDPOINTS
def test_every_refused_value_and_every_member_is_there(endpoint: Endpoint) -> None:
    rules = CATALOGUE.parameters[endpoint]
    values = {value for rule in rules.parameters.values() for value in rule.refused_values}
    assert {name for name in values | set(rules.members) if f"`{name}`" not in section(endpoint)} == set()


@ENDPOINTS
def test_every_default_is_there(endpoint: Endpoint) -> None:
    rules, page = CATALOGUE.parameters[endpoint], section(endpoint)
    for first, expected in (
        ("default", rules.defaults.keys() - rules.sent_defaults),
        ("sent default", rules.sent_defaults),
    ):
        listed = cells(first, page)
        assert (listed[0] if listed else set()) == expected


@ENDPOINTS
def test_every_dropped_member_is_there(endpoint: Endpoint) -> None:
    assert {
        path for path in CATALOGUE.parameters[endpoint].dropped if f"| `{path}` |" not in section(endpoint)
    } == set()


def test_what_a_feature_refuses_is_there() -> None:
    page = section(Endpoint.CHAT_COMPLETIONS)
    for feature, limits in CATALOGUE.parameters[Endpoint.CHAT_COMPLETIONS].features.items():
        for name in (feature, *limits.refuse, *limits.default_only, *limits.refused_roles):
            assert f"`{name}`" in page
