"""What the engine refuses, and that no refusal takes long or says too much."""

import time
from typing import Any

import pytest
from tests.contract.engine.conftest import MODEL, EngineProcess


def _shape(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "s", "strict": True, "schema": schema}}


def _refused(engine: EngineProcess, code: str, param: str | None, **members: Any) -> str:
    answer = engine.chat(**members)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    return str(error["message"])


def test_a_long_prompt_is_refused_before_it_is_read(engine: EngineProcess) -> None:
    begun = time.monotonic()
    message = _refused(engine, "context_length_exceeded", "messages", text="word " * 9000)
    assert "limit of 7680 tokens" in message
    assert "resulted in 90" in message
    # Reading 9,000 tokens would take minutes.
    assert time.monotonic() - begun < 60


def test_an_unknown_model_is_not_found(engine: EngineProcess) -> None:
    answer = engine.chat(model="gpt-4o")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize("pattern", ["^\\p{Foo}$", "^a\\b$", "^[b-a]$", "(((("])
def test_a_pattern_the_engine_cannot_enforce_is_refused_before_the_first_byte(
    engine: EngineProcess, pattern: str
) -> None:
    shape = _shape({"type": "string", "pattern": pattern})
    param = "response_format.json_schema.schema"
    _refused(engine, "invalid_json_schema", param, response_format=shape, stream=True)


def test_a_tools_schema_is_held_to_the_same(engine: EngineProcess) -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"oneOf": [{}]}}}
    _refused(engine, "invalid_json_schema", "tools[0].function.parameters", tools=[tool])


def _doubled_references(depth: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{depth}": {"type": "integer"}}
    for i in range(depth):
        following = {"$ref": f"#/$defs/d{i + 1}"}
        definitions[f"d{i}"] = {"anyOf": [following, {"type": "array", "items": following}]}
    return {"$ref": "#/$defs/d0", "$defs": definitions}


@pytest.mark.parametrize(
    "schema",
    [
        _doubled_references(25),
        {"type": "array", "items": {"type": "string"}, "minItems": 4000, "maxItems": 4000},
        {"type": "string", "minLength": 100_000, "maxLength": 100_000},
        {"type": "string", "pattern": "^((a{1,50}){1,50}){1,50}$"},
        {"anyOf": [{"type": "string", "pattern": f"^(.*[a-m].{{{i}}})$"} for i in range(100)]},
        {"enum": [f"{i:04}" * 14 for i in range(1000)]},
        {"anyOf": [{"type": "object", "properties": {f"p{i}": {"type": "string"}}} for i in range(300)]},
        {"type": "object", "properties": {f"p{i}": {"type": "string"} for i in range(128)}},
    ],
    ids=["references", "items", "length", "nested-repeats", "ambiguous", "enum", "any-of", "properties"],
)
def test_a_hostile_schema_costs_seconds_at_most(engine: EngineProcess, schema: Any) -> None:
    begun = time.monotonic()
    answer = engine.chat(response_format=_shape(schema), max_tokens=5)
    assert answer.status_code in (200, 400)
    assert time.monotonic() - begun < 60


def test_only_these_urls_exist(engine: EngineProcess) -> None:
    with engine.http() as client:
        for path in ("/slots", "/props", "/lora-adapters", "/metrics", "/tokenize", "/completion", "/v1/responses"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings"):
            assert client.get(path).status_code == 405
        assert client.get("/health").json() == {"status": "ok"}
        model, *others = client.get("/v1/models").json()["data"]
    assert model["id"] == MODEL
    assert "vision" not in {other["id"] for other in others}, "the operator has brought none"
    assert model["prompt_limit"] == 7680
    assert len(model["weights_sha256"]) == 64


def test_nothing_that_was_asked_is_logged(engine: EngineProcess) -> None:
    secret = "xyzzy-plugh"
    engine.chat(secret, max_tokens=1)
    engine.chat(secret, seed=secret)
    engine.chat(secret, response_format=_shape({"type": "string", "pattern": f"{secret}(("}))
    engine.chat(secret, response_format=_shape({"type": "string", "pattern": f"{secret}(?=a)"}))
    engine.chat(f"{secret} " * 3000)
    assert secret not in engine.log.read_text()
