"""Schemas made to cost: each is answered soon, in little memory, and the engine goes on answering others."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.contract.engine.conftest import EngineProcess

ANSWERED_WITHIN_S = 5.0
# What one schema may leave behind: grammars are compiled in the engine's own process.
MEMORY_MAX_BYTES = 150_000_000
PARAM = "response_format.json_schema.schema"
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Schema = dict[str, Any]


def nested(levels: int, wrap: Callable[[Schema], Schema]) -> Schema:
    schema: Schema = {"type": "integer"}
    for _ in range(levels):
        schema = wrap(schema)
    return schema


def in_object(inner: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {"a": inner, "b": inner},
        "required": ["a", "b"],
        "additionalProperties": False,
    }


def chain(length: int, link: Callable[[Schema], Schema]) -> Schema:
    """Definitions that each use the next one, more than once."""
    definitions: Schema = {f"d{length}": {"type": "null"}}
    for index in range(length):
        definitions[f"d{index}"] = link({"$ref": f"#/$defs/d{index + 1}"})
    return {"$ref": "#/$defs/d0", "$defs": definitions}


def strings(**members: Any) -> Schema:
    return {"type": "string", **members}


def lists(**members: Any) -> Schema:
    return {"type": "array", "items": {"type": "integer"}, **members}


# Refused: each of these breaks a limit, or holds what cannot be enforced.
REFUSED: dict[str, Schema] = {
    "deep lists": nested(60, lambda inner: {"type": "array", "items": inner}),
    "wide object": {"type": "object", "properties": {f"p{index}": {} for index in range(2000)}},
    "many definitions": {"$defs": {f"d{index}": {} for index in range(2000)}, "type": "null"},
    "huge enum": {"enum": list(range(10_000))},
    "enum of long texts": {"enum": ["x" * 1000 + str(index) for index in range(500)]},
    "endless reference": {"$ref": "#"},
    "references in a ring": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "ring of alternatives": {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}},
    "reference elsewhere": {"$ref": "https://example.com/schema.json"},
    "reference to a file": {"$ref": "file:///etc/passwd"},
    "reference to nothing": {"$ref": "#/$defs/none"},
    "billions of items": lists(minItems=2_000_000_000),
    "counted items in sum": {"anyOf": [lists(maxItems=index) for index in range(1, 500)]},
    "items of items": lists(items=lists(items=lists(minItems=8000), minItems=8000), minItems=8000),
    "huge string": strings(maxLength=10**12),
    "negative length": strings(minLength=-1),
    "infinite length": strings(minLength=1e300),
    "limits crossed": {"type": "integer", "minimum": 10, "maximum": 1},
    "long pattern": strings(pattern="a" * 5000),
    "look-ahead": strings(pattern="^(?=a)b$"),
    "back-reference": strings(pattern="^(a)\\1$"),
    "recursive anchor": {"$dynamicRef": "#x"},
    "not": {"not": {"type": "string"}},
    "pattern properties": {"type": "object", "patternProperties": {"(a+)+$": {}}},
    "schema that is false": {"type": "object", "properties": {"a": False}},
    "properties in a list": {"type": "object", "properties": [1]},
    "type that is none": {"type": "text"},
    "no alternatives": {"anyOf": []},
}
# Either a refusal or an answer, as long as it comes soon: dear to compile, or dear to check, by a naive reader.
DEAR: dict[str, Schema] = {
    "doubled references": chain(60, lambda next_one: {"anyOf": [next_one, lists(items=next_one)]}),
    "doubled members": chain(24, in_object),
    "tenfold alternatives": chain(20, lambda next_one: {"anyOf": [next_one] * 10}),
    "tree of objects": nested(8, in_object),
    "nested quantifiers": strings(pattern="^(a+)+$"),
    "counted quantifiers": strings(pattern="^(((a{1,99}){1,99}){1,99}){1,99}$"),
    "huge repetition": strings(pattern="^a{100000}$"),
    "long alternation": strings(pattern="^(" + "|".join(f"a{index}" for index in range(100)) + ")*$"),
    "dots in a row": strings(pattern="^" + ".*" * 200 + "$"),
    "class of everything": strings(pattern="^[\\u0000-\\uffff]{1,50000}$"),
    "long string": strings(minLength=99_999, maxLength=100_000),
    "eight thousand items": lists(minItems=8000, maxItems=8000),
    "many optional members": {
        "type": "object",
        "properties": {f"p{index}": {"type": "integer"} for index in range(120)},
        "additionalProperties": False,
    },
    "thousand values": {"enum": [f"value {index}" for index in range(1000)]},
    "great numbers": {"type": "integer", "minimum": -(2**62), "maximum": 2**62},
    "great multiple": {"type": "integer", "multipleOf": 982_451_653},
    "small multiple": {"type": "number", "multipleOf": 1e-300},
    "narrow range": {"type": "number", "exclusiveMinimum": 1e-300, "exclusiveMaximum": 2e-300},
}


# So deep that the body is refused before anybody knows that it holds a schema.
TOO_DEEP: dict[str, Schema] = {
    "deep objects": nested(40, lambda inner: {"type": "object", "properties": {"a": inner}}),
    "deep alternatives": nested(60, lambda inner: {"anyOf": [inner]}),
    "very deep lists": nested(400, lambda inner: lists(items=inner)),
}


def code_of(name: str) -> str:
    """Size and depth are judged by the reader that the platform shares with its engines."""
    return "invalid_value" if name in {"deep lists", "enum of long texts"} else "invalid_json_schema"


def resident_bytes(engine: EngineProcess) -> int:
    return int(Path(f"/proc/{engine.process.pid}/statm").read_text().split()[1]) * PAGE_BYTES


def attempt(engine: EngineProcess, schema: Schema, *, strict: bool) -> tuple[int, dict[str, Any]]:
    """Status and answer. Fails when it takes long, costs much memory, or leaves the engine unwell."""
    memory, begun = resident_bytes(engine), time.monotonic()
    shape = {"type": "json_schema", "json_schema": {"name": "s", "strict": strict, "schema": schema}}
    answer = engine.chat(response_format=shape, max_tokens=4)
    took_s = time.monotonic() - begun
    assert took_s < ANSWERED_WITHIN_S
    assert resident_bytes(engine) - memory < MEMORY_MAX_BYTES
    with engine.http() as client:
        assert client.get("/health").status_code == 200
    content: dict[str, Any] = answer.json()
    return answer.status_code, content


def check_refusal(content: dict[str, Any], code: str = "invalid_json_schema") -> None:
    error = content["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code), error
    assert error["param"] == PARAM


@pytest.mark.parametrize("name", REFUSED)
def test_a_schema_beyond_the_limits_is_refused(engine: EngineProcess, name: str) -> None:
    status, content = attempt(engine, REFUSED[name], strict=True)
    assert status == 400, content
    check_refusal(content, code_of(name))


@pytest.mark.parametrize("name", TOO_DEEP)
def test_a_body_that_is_too_deep_is_refused(engine: EngineProcess, name: str) -> None:
    status, content = attempt(engine, TOO_DEEP[name], strict=True)
    assert (status, content["error"]["code"], content["error"]["param"]) == (400, "invalid_json", None)


@pytest.mark.parametrize("name", DEAR)
def test_a_dear_schema_is_answered_soon(engine: EngineProcess, name: str) -> None:
    status, content = attempt(engine, DEAR[name], strict=True)
    assert status in {200, 400}
    if status == 400:
        check_refusal(content)


@pytest.mark.long
@pytest.mark.parametrize("name", [*REFUSED, *DEAR])
def test_the_same_where_it_need_not_be_kept_to(engine: EngineProcess, name: str) -> None:
    status, content = attempt(engine, {**REFUSED, **DEAR}[name], strict=False)
    assert status in {200, 400}
    if status == 400:
        check_refusal(content, code_of(name))
