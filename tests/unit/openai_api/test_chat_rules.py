"""Rules between members of a chat request."""

from typing import Any

import msgspec
import pytest

from domicile.kernel.errors import Category, DomicileError
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_rules import MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH, check_chat_request, schemas

BASE: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
TOOL = {"type": "function", "function": {"name": "f"}}
CUSTOM = {"type": "custom", "custom": {"name": "g"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def request(**members: Any) -> ChatCompletionRequest:
    return msgspec.convert(BASE | members, ChatCompletionRequest)


def conversation(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [*BASE["messages"], *messages]}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def filled(size: int) -> dict[str, Any]:
    return {"a": "x" * (size - len('{"a":""}'))}


ALLOWED: dict[str, Any] = {"mode": "required", "tools": [TOOL, CUSTOM]}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"logprobs": True, "top_logprobs": 3},
        {"top_logprobs": 0},
        {"stream": True, "stream_options": {}},
        {"stream_options": None},
        {"max_tokens": 3, "max_completion_tokens": None},
        {"tools": []},
        {"tools": [], "functions": [{"name": "f"}]},
        {"tool_choice": "auto"},
        {"tools": [], "tool_choice": "none"},
        {"parallel_tool_calls": True},
        {"functions": [], "function_call": "auto"},
        {"function_call": "none"},
        {"tools": [TOOL, CUSTOM], "tool_choice": "auto", "parallel_tool_calls": True},
        {"tools": [TOOL], "tool_choice": TOOL},
        {"tools": [TOOL, CUSTOM], "tool_choice": CUSTOM},
        {"tools": [TOOL, CUSTOM], "tool_choice": {"type": "allowed_tools", "allowed_tools": ALLOWED}},
        {"functions": [{"name": "f"}, {"name": "g"}], "function_call": {"name": "g"}},
        {"functions": [{"name": "f"}], "function_call": "none"},
        conversation(
            {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "x", "tool_call_id": "call_1"}
        ),
        conversation({"role": "assistant", "content": ""}),
        # Answers that were cut before their first word.
        conversation({"role": "assistant"}),
        conversation({"role": "assistant", "content": None, "tool_calls": []}),
        conversation({"role": "assistant", "content": None, "refusal": "No."}),
        conversation({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}),
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": nested(MAX_SCHEMA_DEPTH)}}]},
        {"functions": [{"name": "f", "parameters": filled(MAX_SCHEMA_BYTES)}]},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}},
    ],
)
def test_what_fits_together_passes(members: dict[str, Any]) -> None:
    check_chat_request(request(**members))


def schema_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 3, "logprobs": False}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": False, "stream_options": {}}, "stream_options"),
        ({"max_tokens": 3, "max_completion_tokens": 3}, "max_tokens"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [], "tool_choice": TOOL}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"tools": [TOOL], "functions": [{"name": "g"}]}, "functions"),
        ({"tools": [TOOL, CUSTOM, TOOL]}, "tools[2].function.name"),
        ({"tools": [TOOL, {"type": "custom", "custom": {"name": "f"}}]}, "tools[1].custom.name"),
        ({"tools": [TOOL], "tool_choice": CUSTOM}, "tool_choice.custom.name"),
        (
            {"tools": [CUSTOM], "tool_choice": {"type": "function", "function": {"name": "g"}}},
            "tool_choice.function.name",
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "allowed_tools": ALLOWED}},
            "tool_choice.allowed_tools.tools[1].custom.name",
        ),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
        ({"functions": [{"name": "f"}, {"name": "f"}]}, "functions[1].name"),
        (conversation({"role": "tool", "content": "x", "tool_call_id": "call_1"}), "messages[1].tool_call_id"),
        (
            conversation(
                {"role": "assistant", "tool_calls": [CALL]}, {"role": "tool", "content": "x", "tool_call_id": "call_2"}
            ),
            "messages[2].tool_call_id",
        ),
        (schema_of(nested(MAX_SCHEMA_DEPTH + 1)), "response_format.json_schema.schema"),
        (schema_of({"a": [[[nested(MAX_SCHEMA_DEPTH - 2)]]]}), "response_format.json_schema.schema"),
        (schema_of(filled(MAX_SCHEMA_BYTES + 1)), "response_format.json_schema.schema"),
        (
            {"tools": [CUSTOM, {"type": "function", "function": {"name": "f", "parameters": nested(33)}}]},
            "tools[1].function.parameters",
        ),
        ({"functions": [{"name": "f", "parameters": filled(MAX_SCHEMA_BYTES + 1)}]}, "functions[0].parameters"),
    ],
)
def test_a_contradiction_is_named(members: dict[str, Any], param: str) -> None:
    with pytest.raises(DomicileError) as caught:
        check_chat_request(request(**members))
    assert caught.value.category is Category.INVALID
    assert (caught.value.code, caught.value.param) == ("invalid_value", param)


def test_every_schema_is_found() -> None:
    found = dict(
        schemas(
            request(
                tools=[CUSTOM, TOOL, {"type": "function", "function": {"name": "h", "parameters": {"a": 1}}}],
                functions=[{"name": "i", "parameters": {"b": 1}}],
                **schema_of({"c": 1}),
            )
        )
    )
    assert found == {
        "tools[2].function.parameters": {"a": 1},
        "functions[0].parameters": {"b": 1},
        "response_format.json_schema.schema": {"c": 1},
    }
