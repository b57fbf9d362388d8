"""Reading a chat request: whatever the specification allows is read as it is, and a mistake is named."""

import json
from typing import Any

import pytest

from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import ImagePart, UserMessage
from domicile.web.bodies.json_body import decode_json

USER = {"role": "user", "content": "Hello"}
BASE: dict[str, Any] = {"model": "gpt-4o", "messages": [USER]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def read(value: dict[str, Any]) -> ChatCompletionRequest:
    return decode_json(json.dumps(value).encode(), ChatCompletionRequest)


def message(**members: Any) -> dict[str, Any]:
    return BASE | {"messages": [members]}


@pytest.mark.parametrize(
    "value",
    [
        BASE,
        message(role="developer", content="x", name="y"),
        message(role="system", content=[{"type": "text", "text": "x"}]),
        message(
            role="user",
            content=[
                {"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
                {"type": "file", "file": {"file_id": "file-1", "filename": "x.pdf", "file_data": "AA"}},
            ],
        ),
        message(role="assistant", content=None, tool_calls=[CALL], refusal=None, audio=None, function_call=None),
        message(role="assistant", content="x", refusal=None, annotations=None, tool_calls=None),
        message(role="assistant", content=[{"type": "refusal", "refusal": "No."}, {"type": "text", "text": "x"}]),
        message(role="assistant", audio={"id": "audio_1"}, function_call={"name": "f", "arguments": "{}"}),
        message(role="assistant", tool_calls=[{"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}}]),
        message(role="tool", content="x", tool_call_id="call_1"),
        message(role="tool", content=[{"type": "text", "text": "x"}], tool_call_id="call_1"),
        message(role="function", content=None, name="f"),
        BASE
        | {"tools": [{"type": "function", "function": {"name": "f", "strict": None, "parameters": {"a": [1, None]}}}]},
        BASE | {"tools": [{"type": "custom", "custom": {"name": "f", "format": {"type": "text"}}}]},
        BASE
        | {
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "f",
                        "format": {"type": "grammar", "grammar": {"definition": "start: X", "syntax": "lark"}},
                    },
                }
            ]
        },
        BASE | {"tool_choice": "required"},
        BASE | {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        BASE | {"tool_choice": {"type": "custom", "custom": {"name": "f"}}},
        BASE
        | {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            }
        },
        BASE | {"functions": [{"name": "f"}], "function_call": {"name": "f"}},
        BASE | {"functions": [{"name": "f"}], "function_call": "auto"},
        BASE | {"response_format": {"type": "text"}},
        BASE | {"response_format": {"type": "json_object"}},
        BASE | {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": True}}},
        BASE | {"stop": "x"},
        BASE | {"stop": [], "functions": [], "tools": []},
        BASE | {"stop": ["a", "b", "c", "d"]},
        BASE
        | {"stop": None, "temperature": None, "n": None, "metadata": None, "stream_options": None, "logit_bias": None},
        BASE
        | {
            "temperature": 0,
            "top_p": 1,
            "frequency_penalty": -2,
            "presence_penalty": 2.0,
            "n": 128,
            "top_logprobs": 20,
        },
        BASE | {"temperature": 2, "top_p": 0, "seed": -(2**63), "max_tokens": 1, "max_completion_tokens": 10**9},
        BASE | {"logit_bias": {"50256": -100, "1": 100}},
        BASE | {"metadata": {f"{i}" * 64: "v" * 512 for i in range(10)}},
        BASE | {"audio": {"voice": "alloy", "format": "wav"}, "modalities": ["text", "audio"]},
        BASE | {"audio": {"voice": {"id": "voice_1"}, "format": "pcm16"}},
        BASE | {"prediction": {"type": "content", "content": "x"}},
        BASE | {"prediction": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
        BASE | {"web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": "Bern"}}}},
        BASE
        | {"moderation": {"model": "omni-moderation-latest", "policy": {"input": {"mode": "block"}, "output": None}}},
        BASE | {"prompt_cache_options": {"ttl": "30m", "mode": "explicit"}, "prompt_cache_retention": "24h"},
        BASE
        | {"service_tier": "flex", "safety_identifier": "x" * 64, "user": "u", "store": False, "prompt_cache_key": "k"},
        BASE | {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        BASE | {"reasoning_effort": "xhigh", "verbosity": "low", "parallel_tool_calls": False, "logprobs": True},
    ],
)
def test_what_the_specification_allows_is_read(value: dict[str, Any]) -> None:
    request = read(value)
    assert request.model == "gpt-4o"
    # Absent stays absent, and null is absent: nothing is invented for the engine.
    there = {name for name, given in value.items() if given is not None}
    assert {name for name in request.__struct_fields__ if getattr(request, name) is not None} == there


@pytest.mark.parametrize(
    ("value", "code", "param"),
    [
        ({"messages": [USER]}, "missing_required_parameter", "model"),
        ({"model": "x"}, "missing_required_parameter", "messages"),
        (BASE | {"model": ""}, "invalid_value", "model"),
        (BASE | {"model": None}, "invalid_type", "model"),
        (BASE | {"messages": []}, "invalid_value", "messages"),
        (BASE | {"messages": "Hello"}, "invalid_type", "messages"),
        (BASE | {"top_k": 5}, "unknown_parameter", "top_k"),
        (BASE | {"id_slot": 1}, "unknown_parameter", "id_slot"),
        (BASE | {"cache_salt": "x"}, "unknown_parameter", "cache_salt"),
        (BASE | {"priority": 1}, "unknown_parameter", "priority"),
        (BASE | {"lora": []}, "unknown_parameter", "lora"),
        (message(role="user"), "missing_required_parameter", "messages[0].content"),
        (message(content="x"), "missing_required_parameter", "messages[0].role"),
        (message(role="robot", content="x"), "invalid_value", "messages[0].role"),
        (message(role=1, content="x"), "invalid_type", "messages[0].role"),
        (message(role="user", content="x", nmae="y"), "unknown_parameter", "messages[0].nmae"),
        (message(role="user", content=1), "invalid_type", "messages[0].content"),
        (message(role="user", content=None), "invalid_type", "messages[0].content"),
        (message(role="user", content=[]), "invalid_value", "messages[0].content"),
        (message(role="tool", content="x"), "missing_required_parameter", "messages[0].tool_call_id"),
        (message(role="function", name="f"), "missing_required_parameter", "messages[0].content"),
        (message(role="user", content=[{"type": "video"}]), "invalid_value", "messages[0].content[0].type"),
        (message(role="system", content=[{"type": "image_url"}]), "invalid_value", "messages[0].content[0].type"),
        (message(role="user", content=[{"text": "x"}]), "missing_required_parameter", "messages[0].content[0].type"),
        (
            message(role="user", content=[{"type": "image_url", "image_url": {"url": "x", "size": 1}}]),
            "unknown_parameter",
            "messages[0].content[0].image_url.size",
        ),
        (
            message(role="user", content=[{"type": "image_url", "image_url": "data:x"}]),
            "invalid_type",
            "messages[0].content[0].image_url",
        ),
        (BASE | {"tools": [{"type": "web_search"}]}, "invalid_value", "tools[0].type"),
        (
            BASE | {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (
            BASE | {"tools": [{"type": "function", "function": {"name": "a\n"}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (
            BASE | {"tools": [{"type": "function", "function": {"name": "a" * 65}}]},
            "invalid_value",
            "tools[0].function.name",
        ),
        (BASE | {"tool_choice": "maybe"}, "invalid_value", "tool_choice"),
        (BASE | {"tool_choice": {"type": "mcp"}}, "invalid_value", "tool_choice.type"),
        (BASE | {"function_call": "required"}, "invalid_value", "function_call"),
        (BASE | {"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
        (
            BASE | {"response_format": {"type": "json_schema", "json_schema": {"name": "a.b"}}},
            "invalid_value",
            "response_format.json_schema.name",
        ),
        (
            BASE | {"response_format": {"type": "json_schema"}},
            "missing_required_parameter",
            "response_format.json_schema",
        ),
        (BASE | {"temperature": 2.1}, "invalid_value", "temperature"),
        (BASE | {"temperature": -0.1}, "invalid_value", "temperature"),
        (BASE | {"temperature": "1"}, "invalid_type", "temperature"),
        (BASE | {"top_p": 1.1}, "invalid_value", "top_p"),
        (BASE | {"frequency_penalty": -2.1}, "invalid_value", "frequency_penalty"),
        (BASE | {"presence_penalty": 2.1}, "invalid_value", "presence_penalty"),
        (BASE | {"n": 0}, "invalid_value", "n"),
        (BASE | {"n": 129}, "invalid_value", "n"),
        (BASE | {"n": True}, "invalid_type", "n"),
        (BASE | {"n": 1.5}, "invalid_type", "n"),
        (BASE | {"max_tokens": 0}, "invalid_value", "max_tokens"),
        (BASE | {"max_completion_tokens": -1}, "invalid_value", "max_completion_tokens"),
        (BASE | {"top_logprobs": 21}, "invalid_value", "top_logprobs"),
        (BASE | {"stop": ["a"] * 5}, "invalid_value", "stop"),
        (BASE | {"stop": [1]}, "invalid_type", "stop[0]"),
        (BASE | {"stream": "true"}, "invalid_type", "stream"),
        (BASE | {"stream_options": {"include": True}}, "unknown_parameter", "stream_options.include"),
        (BASE | {"metadata": {str(i): "x" for i in range(17)}}, "invalid_value", "metadata"),
        (BASE | {"metadata": {"k" * 65: "x"}}, "invalid_value", "metadata"),
        (BASE | {"metadata": {"k": "x" * 513}}, "invalid_value", "metadata[]"),
        (BASE | {"metadata": {"k": 1}}, "invalid_type", "metadata[]"),
        (BASE | {"logit_bias": {"1": 101}}, "invalid_value", "logit_bias[]"),
        (BASE | {"logit_bias": {"token": 1}}, "invalid_value", "logit_bias"),
        (BASE | {"safety_identifier": "x" * 65}, "invalid_value", "safety_identifier"),
        (BASE | {"service_tier": "gold"}, "invalid_value", "service_tier"),
        (BASE | {"modalities": ["video"]}, "invalid_value", "modalities[0]"),
        (BASE | {"functions": [{"name": "f"}] * 129}, "invalid_value", "functions"),
        (BASE | {"made_up": None}, "unknown_parameter", "made_up"),
    ],
)
def test_a_mistake_is_named(value: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(DomicileError) as caught:
        read(value)
    assert caught.value.category is Category.INVALID
    assert (caught.value.code, caught.value.param) == (code, param)


def test_the_text_of_a_mistake_says_what_is_expected() -> None:
    with pytest.raises(DomicileError) as caught:
        read(BASE | {"messages": [{"role": "user", "content": 3}]})
    assert caught.value.message == "Invalid value for 'messages[0].content': expected string or array, got integer."


def test_streaming_wishes() -> None:
    assert not read(BASE).streams
    assert not read(BASE | {"stream": None}).streams
    assert read(BASE | {"stream": True}).streams
    assert not read(BASE | {"stream": True}).wants_usage_in_stream
    assert not read(BASE | {"stream": True, "stream_options": {}}).wants_usage_in_stream
    assert read(BASE | {"stream": True, "stream_options": {"include_usage": True}}).wants_usage_in_stream


def test_parts_are_told_apart_by_their_type() -> None:
    request = read(message(role="user", content=[{"type": "image_url", "image_url": {"url": "x"}}]))
    only = request.messages[0]
    assert isinstance(only, UserMessage)
    assert isinstance(only.content[0], ImagePart)
