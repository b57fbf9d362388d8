"""What an engine is sent: what was read, and nothing that the caller could not see or the platform did not add."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domicile.openai_api.chat import PLATFORM_PARAMETERS, ChatCompletionRequest, encode_for_engine
from domicile.web.bodies.json_body import decode_json

TEXT = st.text(max_size=20)
NAME = st.from_regex(r"[a-zA-Z0-9_-]{1,8}", fullmatch=True)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
SCHEMA = st.dictionaries(TEXT, JSON, max_size=3)


Members = dict[str, st.SearchStrategy[Any]]


def obj(required: Members, optional: Members | None = None) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional or {})


BREAKPOINT: Members = {"prompt_cache_breakpoint": st.just({"mode": "explicit"})}
TEXT_PART = obj({"type": st.just("text"), "text": TEXT}, BREAKPOINT)
IMAGE_PART = obj(
    {
        "type": st.just("image_url"),
        "image_url": obj({"url": TEXT}, {"detail": st.sampled_from(["auto", "low", "high"])}),
    },
    BREAKPOINT,
)
AUDIO_PART = obj(
    {"type": st.just("input_audio"), "input_audio": obj({"data": TEXT, "format": st.sampled_from(["wav", "mp3"])})},
    BREAKPOINT,
)
REFUSAL_PART = obj({"type": st.just("refusal"), "refusal": TEXT})


def content(*parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return TEXT | st.lists(st.one_of(*parts), min_size=1, max_size=3)


CALL = obj({"id": TEXT, "type": st.just("function"), "function": obj({"name": TEXT, "arguments": TEXT})}) | obj(
    {"id": TEXT, "type": st.just("custom"), "custom": obj({"name": TEXT, "input": TEXT})}
)
MESSAGE = (
    obj({"role": st.sampled_from(["system", "developer"]), "content": content(TEXT_PART)}, {"name": TEXT})
    | obj({"role": st.just("user"), "content": content(TEXT_PART, IMAGE_PART, AUDIO_PART)}, {"name": TEXT})
    | obj(
        {"role": st.just("assistant")},
        {
            "content": st.none() | content(TEXT_PART, REFUSAL_PART),
            "refusal": st.none() | TEXT,
            "name": TEXT,
            "audio": st.none(),
            "tool_calls": st.none() | st.lists(CALL, max_size=2),
            "function_call": st.none() | obj({"name": TEXT, "arguments": TEXT}),
            "annotations": st.none(),
        },
    )
    | obj({"role": st.just("tool"), "content": content(TEXT_PART), "tool_call_id": TEXT})
    | obj({"role": st.just("function"), "content": st.none() | TEXT, "name": TEXT})
)
FUNCTION = obj({"name": NAME}, {"description": TEXT, "parameters": SCHEMA, "strict": st.none() | st.booleans()})
CUSTOM = obj(
    {"name": NAME},
    {
        "description": TEXT,
        "format": st.just({"type": "text"})
        | obj(
            {
                "type": st.just("grammar"),
                "grammar": obj({"definition": TEXT, "syntax": st.sampled_from(["lark", "regex"])}),
            }
        ),
    },
)
NAMED = obj({"type": st.just("function"), "function": obj({"name": NAME})}) | obj(
    {"type": st.just("custom"), "custom": obj({"name": NAME})}
)
PENALTY = st.none() | st.floats(-2, 2) | st.integers(-2, 2)
PASSED: Members = {
    "frequency_penalty": PENALTY,
    "function_call": st.sampled_from(["none", "auto"]) | obj({"name": NAME}),
    "functions": st.lists(obj({"name": NAME}, {"description": TEXT, "parameters": SCHEMA}), min_size=1, max_size=2),
    "logit_bias": st.none() | st.dictionaries(st.integers(0, 10**9).map(str), st.integers(-100, 100), max_size=3),
    "logprobs": st.none() | st.booleans(),
    "max_completion_tokens": st.none() | st.integers(1, 2**63 - 1),
    "max_tokens": st.none() | st.integers(1, 2**63 - 1),
    "modalities": st.none() | st.just(["text"]),
    "n": st.none() | st.integers(1, 128),
    "parallel_tool_calls": st.booleans(),
    "prediction": st.none()
    | obj({"type": st.just("content"), "content": content(obj({"type": st.just("text"), "text": TEXT}))}),
    "presence_penalty": PENALTY,
    "reasoning_effort": st.none() | st.sampled_from(["none", "minimal", "low", "medium", "high", "xhigh", "max"]),
    "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}])
    | obj(
        {
            "type": st.just("json_schema"),
            "json_schema": obj(
                {"name": NAME}, {"description": TEXT, "schema": SCHEMA, "strict": st.none() | st.booleans()}
            ),
        }
    ),
    "seed": st.none() | st.integers(-(2**63), 2**63 - 1),
    "stop": st.none() | TEXT | st.lists(TEXT, min_size=1, max_size=4),
    "temperature": st.none() | st.floats(0, 2) | st.integers(0, 2),
    "tool_choice": st.sampled_from(["none", "auto", "required"])
    | NAMED
    | obj(
        {
            "type": st.just("allowed_tools"),
            "allowed_tools": obj({"mode": st.sampled_from(["auto", "required"]), "tools": st.lists(NAMED, max_size=2)}),
        }
    ),
    "tools": st.lists(
        obj({"type": st.just("function"), "function": FUNCTION}) | obj({"type": st.just("custom"), "custom": CUSTOM}),
        max_size=3,
    ),
    "top_logprobs": st.none() | st.integers(0, 20),
    "top_p": st.none() | st.floats(0, 1),
    "verbosity": st.none() | st.sampled_from(["low", "medium", "high"]),
}
PLATFORM: Members = {
    "metadata": st.none() | st.dictionaries(st.text(max_size=5), TEXT, max_size=2),
    "prompt_cache_key": st.none() | TEXT,
    "prompt_cache_options": st.just({"mode": "implicit"}),
    "prompt_cache_retention": st.none() | st.just("24h"),
    "safety_identifier": st.none() | TEXT,
    "service_tier": st.none() | st.just("auto"),
    "store": st.none() | st.booleans(),
    "user": TEXT,
}
STREAMING: Members = {
    "stream": st.none() | st.booleans(),
    "stream_options": st.none() | obj({}, {"include_usage": st.booleans(), "include_obfuscation": st.booleans()}),
}
REQUEST = obj(
    {"model": st.text(min_size=1, max_size=20), "messages": st.lists(MESSAGE, min_size=1, max_size=4)},
    PASSED | PLATFORM | STREAMING,
)


def without_nulls(value: Any) -> Any:
    """The value as it is re-encoded: null is absence, except in JSON schemas."""
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: each if name in {"parameters", "schema"} else without_nulls(each)
        for name, each in value.items()
        if each is not None
    }


def as_sent(message: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = without_nulls(message)
    if message.get("content", 1) is None:
        kept["content"] = None
    if message["role"] == "assistant":
        if not kept.get("tool_calls"):
            kept.pop("tool_calls", None)
        if kept.get("content") is None and not ("tool_calls" in kept or "function_call" in kept):
            kept["content"] = ""
    if isinstance(kept.get("content"), list):
        kept["content"] = [
            {name: value for name, value in part.items() if name != "prompt_cache_breakpoint"}
            for part in kept["content"]
        ]
    return kept


def read(value: dict[str, Any]) -> ChatCompletionRequest:
    return decode_json(json.dumps(value).encode(), ChatCompletionRequest)


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@given(REQUEST, st.none() | TEXT, st.none() | st.integers(-9, 9), st.none() | st.booleans())
def test_the_engine_gets_what_was_read_and_the_fixed_additions(
    value: dict[str, Any], salt: str | None, priority: int | None, stream: bool | None
) -> None:
    streams = value.get("stream") is True if stream is None else stream
    expected = without_nulls({name: item for name, item in value.items() if name in PASSED})
    expected |= {
        "model": "engine-model",
        "messages": [as_sent(message) for message in value["messages"]],
        "stream": streams,
    }
    if streams:
        expected["stream_options"] = {"include_usage": True}
    if salt is not None:
        expected["cache_salt"] = salt
    if priority is not None:
        expected["priority"] = priority
    sent = encode_for_engine(read(value), model="engine-model", stream=stream, cache_salt=salt, priority=priority)
    assert json.loads(sent, object_pairs_hook=refuse_duplicates) == expected


def test_every_platform_parameter_is_drawn_above() -> None:
    assert set(PLATFORM) == set(PLATFORM_PARAMETERS)
    refused = {"audio", "moderation", "web_search_options"}
    assert set(PASSED) | set(PLATFORM) | set(STREAMING) | {"model", "messages"} == (
        set(ChatCompletionRequest.__struct_fields__) - refused
    )


def test_the_request_itself_is_not_changed() -> None:
    part = {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}
    value = {"model": "gpt-4o", "messages": [{"role": "user", "content": [part]}], "user": "u"}
    request = read(value)
    encode_for_engine(request, model="m")
    assert request == read(value)


def test_what_a_member_holds_cannot_become_a_member() -> None:
    """The salt is added to bytes, so it must be written as JSON whatever is in it."""
    request = read({"model": "x", "messages": [{"role": "user", "content": 'x"},"model":"y'}]})
    sent = json.loads(encode_for_engine(request, model='m","a":"', cache_salt='s","model":"other'))
    assert sent["model"] == 'm","a":"'
    assert sent["cache_salt"] == 's","model":"other'
