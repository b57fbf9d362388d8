"""Schemas are bounded and honest: what strict mode accepts is what will be enforced."""

from typing import Any

import pytest

from domicile.kernel.errors import DomicileError
from domicile_engines.runtime.llama.schema import Schema, prepare

_PARAM = "response_format.json_schema.schema"


def _strict(document: dict[str, Any]) -> Schema:
    return prepare(document, _PARAM, strict=True)


@pytest.mark.parametrize(
    "document",
    [
        {"not": {"type": "string"}},
        {"oneOf": [{"type": "string"}]},
        {"allOf": [{"type": "string"}]},
        {"type": "array", "uniqueItems": True},
        {"type": "object", "minProperties": 2},
        {"type": "object", "patternProperties": {"^a": {}}},
        {"if": {}, "then": {}},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "(?<!a)b"},
        {"type": "string", "pattern": "(a)\\1"},
        {"type": "string", "format": "uri"},
        {"type": "string", "pattern": "a" * 513},
        {"$ref": "https://example.org/schema.json"},
        {"$ref": "#/$defs/absent"},
        {"$ref": "#/properties/a", "properties": {"a": {}}},
        {"$id": "https://example.org/"},
        {"$dynamicRef": "#a"},
        {"x-guidance": {"lenient": True}},
        {"type": "color"},
        {"type": "array", "items": [{"type": "string"}]},
        {"type": "string", "maxLength": 10**6},
        {"type": "string", "minLength": -1},
        {"type": "integer", "minimum": "1"},
        {"type": "integer", "multipleOf": 0},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "array", "minItems": 10**6},
        {"type": "array", "items": {"type": "array", "maxItems": 5000}, "maxItems": 5000},
        {"enum": list(range(1025))},
        {"enum": []},
        {"required": "a"},
        {"properties": []},
        {"properties": {f"p{i}": {} for i in range(129)}},
        {"anyOf": [{"properties": {f"p{i}": {} for i in range(128)}} for _ in range(5)]},
    ],
)
def test_strict_refuses_what_it_could_not_keep(document: dict[str, Any]) -> None:
    with pytest.raises(DomicileError) as refused:
        _strict(document)
    assert (refused.value.category.value[0], refused.value.code, refused.value.param) == (
        400,
        "invalid_json_schema",
        _PARAM,
    )


@pytest.mark.parametrize(
    "document",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"anyOf": [{"$ref": "#"}, {"type": "string"}]},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
    ],
)
def test_a_reference_that_never_gets_anywhere_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(DomicileError, match="invalid_json_schema"):
        _strict(document)


def test_a_recursive_schema_is_served() -> None:
    node = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n"}, {"type": "null"}]}}}
    schema = _strict({"$ref": "#/$defs/n", "$defs": {"n": {**node, "required": ["next"]}}})
    assert schema.accepts('{"next": {"next": null}}')
    assert not schema.accepts('{"next": {"next": 1}}')


def test_names_of_properties_are_not_keywords() -> None:
    schema = _strict({"type": "object", "properties": {"not": {"type": "integer"}, "pattern": {"type": "integer"}}})
    assert schema.accepts('{"not": 1, "pattern": 2}')
    assert not schema.accepts('{"not": "x"}')


def test_without_strict_the_rest_is_still_enforced() -> None:
    document = {"type": "object", "minProperties": 1, "properties": {"a": {"type": "integer", "format": "int32"}}}
    schema = prepare(document, _PARAM, strict=False)
    assert set(schema.enforced) == {"type", "properties", "additionalProperties"}
    assert schema.accepts('{"a": 1}')
    assert not schema.accepts('{"a": "x"}')


def test_without_strict_the_limits_hold_too() -> None:
    with pytest.raises(DomicileError):
        prepare({"enum": list(range(2000))}, _PARAM, strict=False)


def test_a_cut_or_malformed_text_is_not_accepted() -> None:
    schema = _strict({"type": "object"})
    assert schema.accepts("{}")
    assert not schema.accepts('{"a": ')
    assert not schema.accepts("[]")


def test_a_hostile_pattern_is_never_run() -> None:
    schema = _strict({"type": "string", "pattern": "^(a+)+$"})
    # Python's `re` would need longer than the universe for this.
    assert schema.accepts('"' + "a" * 60 + '!"')


def test_exponential_references_end_in_a_refusal_not_in_a_hang() -> None:
    definitions: dict[str, Any] = {"d30": {"type": "integer"}}
    for i in range(30):
        definitions[f"d{i}"] = {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}, {"$ref": f"#/$defs/d{i + 1}"}]}
    schema = _strict({"anyOf": [{"$ref": "#/$defs/d0"}, {"type": "string"}], "$defs": definitions})
    assert schema.accepts("1")
    assert not schema.accepts('"text"')


def test_decimals_are_not_judged_in_binary() -> None:
    assert _strict({"type": "number", "multipleOf": 0.1}).accepts("1.1")
    assert not _strict({"type": "integer", "multipleOf": 7}).accepts("8")


def test_arguments_are_an_object() -> None:
    with pytest.raises(DomicileError):
        prepare({"type": "array"}, "tools[0].function.parameters", strict=False, of_arguments=True)
