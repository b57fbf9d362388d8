"""What a schema leaves endless gets an end, in answers and arguments, and nothing that the schema means is lost."""

from typing import Any

import msgspec
import pytest

from domicile_engines.runtime.llama.schema import prepare

STRING: dict[str, Any] = {"type": "string"}
CLOSED = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}


def accepts(document: dict[str, Any], value: Any, *, of_arguments: bool = False) -> bool:
    schema = prepare(document, "response_format", strict=False, of_arguments=of_arguments)
    return schema.accepts(msgspec.json.encode(value).decode())


@pytest.mark.parametrize("of_arguments", [False, True])
@pytest.mark.parametrize(
    ("document", "longest", "too_long"),
    [
        (STRING, "x" * 200, "x" * 201),
        ({"type": ["string", "null"]}, "x" * 200, "x" * 201),
        ({"anyOf": [STRING, {"type": "null"}]}, "x" * 200, "x" * 201),
        ({"type": "string", "minLength": 300}, "x" * 300, "x" * 301),
        ({"type": "string", "maxLength": 300}, "x" * 300, "x" * 301),
        ({"type": "string", "pattern": "x"}, "x" * 200, "x" * 201),
        ({"type": "array", "items": {"type": "null"}}, [None] * 16, [None] * 17),
        ({"type": "array", "items": {"type": "null"}, "minItems": 20}, [None] * 20, [None] * 21),
        ({"type": "array", "prefixItems": [STRING]}, ["x"], ["x", "x"]),
        ({"type": "array"}, ["x" * 200], ["x" * 201]),
        ({"type": "integer"}, 10**15, 10**15 + 1),
        ({"type": "number"}, -(10**15), -(10**15) - 1),
        ({"type": "number", "minimum": 5}, 10**15, 10**15 + 1),
        ({"type": "integer", "maximum": 5}, -(10**15), -(10**15) - 1),
        ({"type": "object"}, {"n" * 40: 1}, {"n" * 41: 1}),
        ({"type": "object"}, {str(n): n for n in range(16)}, {str(n): n for n in range(17)}),
        ({"type": "object", "additionalProperties": {"type": "null"}}, {"a": None}, {"n" * 41: None}),
        ({}, ["x" * 200], ["x" * 201]),
        (CLOSED, {"a": True}, {"a": True, "b": 1}),
        ({**CLOSED, "additionalProperties": True}, {"a": True, "b": "x" * 200}, {"a": True, "b": "x" * 201}),
    ],
)
def test_what_is_endless_gets_an_end(document: dict[str, Any], longest: Any, too_long: Any, of_arguments: bool) -> None:
    within = {"type": "object", "properties": {"v": document}}
    assert accepts(within, {"v": longest}, of_arguments=of_arguments)
    assert not accepts(within, {"v": too_long}, of_arguments=of_arguments)


def test_the_digits_after_the_point_are_counted_in_the_grammar() -> None:
    schema = prepare({"type": "number"}, "response_format", strict=True)
    assert [option.get("multipleOf") for option in schema.enforced["anyOf"]] == [1e-6, None]
    assert schema.accepts("-0.5")
    assert schema.accepts("0.5")


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ({"type": "string", "pattern": "^x{300}$"}, "x" * 300),
        ({"enum": ["x" * 300]}, "x" * 300),
        ({"const": 10**16}, 10**16),
        ({"type": "integer", "minimum": 10**16}, 10**17),
        ({"type": "number", "minimum": 0, "maximum": 1e-9}, 5e-10),
        ({"type": "object", "properties": {"a": {}}, "anyOf": [{"properties": {"b": {}}}]}, {"a": 1, "b": 2}),
        ({"type": "object", "required": ["a"]}, {"a": 1}),
    ],
)
def test_what_the_schema_means_stays(document: dict[str, Any], value: Any) -> None:
    assert accepts(document, value)


def test_arguments_hold_nothing_that_is_not_named() -> None:
    assert accepts({"type": "object"}, {}, of_arguments=True)
    assert not accepts({"type": "object"}, {"invented": 1}, of_arguments=True)
    assert accepts({"type": "object", "additionalProperties": True}, {"a": 1}, of_arguments=True)
