"""The committed part of the official specification holds all that is served."""

import json
from typing import Any

import pytest

from tests.fuzz.specification import served
from tests.fuzz.specification.cut import KNOWN, SUBSET, cut


def subset() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SUBSET.read_text())
    return content


def in_subset() -> set[tuple[str, str]]:
    return {(served.shape(path), method) for path, item in subset()["paths"].items() for method in item}


def test_every_served_operation_that_the_specification_knows_is_in_the_subset() -> None:
    known = {
        (served.shape(path), method) for path, method in (line.split(" ") for line in KNOWN.read_text().splitlines())
    }
    routes = [*served.region(), *served.control()]
    found = {(served.shape(path), method) for path, method in served.operations(routes)}
    missing = (found & known) - in_subset()
    assert not missing, "cut the specification again: tests/fuzz/specification/README.md"


def test_the_subset_holds_each_schema_that_it_reaches_and_no_other() -> None:
    content = subset()
    text = json.dumps(content)
    for name in content["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text, f"{name} is reached by nothing"
    assert cut(content, in_subset()) == content


@pytest.mark.parametrize("name", ["Model", "Project", "CreateChatCompletionResponse"])
def test_a_schema_that_is_missing_is_noticed(name: str) -> None:
    content = subset()
    del content["components"]["schemas"][name]
    with pytest.raises(KeyError, match=name):
        cut(content, in_subset())
