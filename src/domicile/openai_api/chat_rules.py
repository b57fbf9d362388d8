"""The rules of a chat request that types cannot express: rules between members, and the bounds of JSON schemas."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from domicile.kernel import errors
from domicile.openai_api.chat import ChatCompletionRequest
from domicile.openai_api.chat_messages import AssistantMessage, ToolMessage
from domicile.openai_api.chat_tools import (
    AllowedToolsChoice,
    CustomToolChoice,
    FunctionTool,
    FunctionToolChoice,
    JsonSchemaResponse,
    NamedTool,
    Schema,
    Tool,
)

MAX_SCHEMA_BYTES = 64 * 1024
MAX_SCHEMA_DEPTH = 32


def check_chat_request(request: ChatCompletionRequest) -> None:
    """Raises `DomicileError` 400 that names the member, for a request that breaks a rule between its members."""
    _check_sampling(request)
    if request.tools or request.tool_choice is not None or request.parallel_tool_calls is not None:
        _check_tools(request)
    if request.functions or request.function_call is not None:
        _check_functions(request)
    _check_messages(request)
    for path, schema in schemas(request):
        _check_schema(path, schema)


def schemas(request: ChatCompletionRequest) -> Iterator[tuple[str, Schema]]:
    """Yield every JSON schema in the request, after its path."""
    if isinstance(request.response_format, JsonSchemaResponse):
        schema = request.response_format.json_schema.schema
        if schema is not None:
            yield "response_format.json_schema.schema", schema
    if request.tools:
        for index, tool in enumerate(request.tools):
            if isinstance(tool, FunctionTool) and tool.function.parameters is not None:
                yield f"tools[{index}].function.parameters", tool.function.parameters
    if request.functions:
        for index, function in enumerate(request.functions):
            if function.parameters is not None:
                yield f"functions[{index}].parameters", function.parameters


def _check_sampling(request: ChatCompletionRequest) -> None:
    # Clients with defaults send zero, which needs no `logprobs`.
    if request.top_logprobs and request.logprobs is not True:
        raise errors.invalid_value("'top_logprobs' needs 'logprobs' to be true.", "top_logprobs")
    if request.stream_options and not request.streams:
        raise errors.invalid_value("'stream_options' is only allowed when 'stream' is true.", "stream_options")
    if request.max_tokens and request.max_completion_tokens:
        raise errors.invalid_value(
            "'max_tokens' and 'max_completion_tokens' cannot both be given. Use 'max_completion_tokens'.", "max_tokens"
        )


def _check_tools(request: ChatCompletionRequest) -> None:
    tools = request.tools
    if not tools:
        # "none", "auto" and true need no tools, and clients with defaults send them.
        if request.tool_choice not in (None, "none", "auto"):
            raise errors.invalid_value("'tool_choice' is only allowed when 'tools' are given.", "tool_choice")
        if request.parallel_tool_calls is False:
            raise errors.invalid_value(
                "'parallel_tool_calls' is only allowed when 'tools' are given.", "parallel_tool_calls"
            )
        return
    if request.functions:
        raise errors.invalid_value("'tools' and 'functions' cannot both be given. Use 'tools'.", "functions")
    known: set[tuple[str, str]] = set()
    names: set[str] = set()
    for index, tool in enumerate(tools):
        kind, name = _kind_and_name(tool)
        if name in names:
            raise errors.invalid_value(f"Two tools have the name '{name}'.", f"tools[{index}].{kind}.name")
        names.add(name)
        known.add((kind, name))
    for path, kind, name in _chosen(request):
        if (kind, name) not in known:
            raise errors.invalid_value(f"None of 'tools' is the {kind} tool '{name}'.", path)


def _kind_and_name(tool: Tool) -> tuple[str, str]:
    return ("function", tool.function.name) if isinstance(tool, FunctionTool) else ("custom", tool.custom.name)


def _chosen(request: ChatCompletionRequest) -> Iterator[tuple[str, str, str]]:
    """The tools that `tool_choice` names, as (path, kind, name)."""
    choice = request.tool_choice
    named: Iterable[tuple[str, FunctionToolChoice | CustomToolChoice]] = ()
    if isinstance(choice, FunctionToolChoice | CustomToolChoice):
        named = [("tool_choice", choice)]
    elif isinstance(choice, AllowedToolsChoice):
        named = [(f"tool_choice.allowed_tools.tools[{i}]", tool) for i, tool in enumerate(choice.allowed_tools.tools)]
    for path, tool in named:
        if isinstance(tool, FunctionToolChoice):
            yield f"{path}.function.name", "function", tool.function.name
        else:
            yield f"{path}.custom.name", "custom", tool.custom.name


def _check_functions(request: ChatCompletionRequest) -> None:
    if not request.functions:
        if request.function_call in (None, "none", "auto"):
            return
        raise errors.invalid_value("'function_call' is only allowed when 'functions' are given.", "function_call")
    names: set[str] = set()
    for index, function in enumerate(request.functions):
        if function.name in names:
            raise errors.invalid_value(f"Two functions have the name '{function.name}'.", f"functions[{index}].name")
        names.add(function.name)
    if isinstance(request.function_call, NamedTool) and request.function_call.name not in names:
        raise errors.invalid_value("None of 'functions' has this name.", "function_call.name")


def _check_messages(request: ChatCompletionRequest) -> None:
    calls: set[str] = set()
    for index, message in enumerate(request.messages):
        if isinstance(message, AssistantMessage):
            if message.tool_calls:
                calls.update(call.id for call in message.tool_calls)
        elif isinstance(message, ToolMessage) and message.tool_call_id not in calls:
            raise errors.invalid_value(
                "A message with role 'tool' must answer one of the 'tool_calls' of an assistant message before it.",
                f"messages[{index}].tool_call_id",
            )


def _check_schema(path: str, schema: Schema) -> None:
    # The depth first: it bounds the recursion of the code below and of later readers.
    if _deeper_than(schema, MAX_SCHEMA_DEPTH):
        raise errors.invalid_value(f"A schema may be nested at most {MAX_SCHEMA_DEPTH} levels deep.", path)
    if len(msgspec.json.encode(schema)) > MAX_SCHEMA_BYTES:
        raise errors.invalid_value(f"A schema may have at most {MAX_SCHEMA_BYTES} bytes as JSON.", path)


def _deeper_than(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return False
        level = below
    return any(isinstance(item, dict | list) for item in level)
