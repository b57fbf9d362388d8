"""The messages that this engine reads: OpenAI's roles, and text as their only modality."""

from typing import Any

import msgspec


class Part(msgspec.Struct, forbid_unknown_fields=True):
    """One part of a message's content. Only `text` and, in history, `refusal` are served."""

    type: str
    text: str | None = None
    refusal: str | None = None
    # What other modalities carry: decoded so that their refusal can say what is missing, never looked into.
    image_url: Any = None
    input_audio: Any = None
    file: Any = None


Content = str | list[Part]


class CalledFunction(msgspec.Struct, forbid_unknown_fields=True):
    """A call as the model wrote it."""

    name: str
    arguments: str


class ToolCall(msgspec.Struct, forbid_unknown_fields=True):
    """A call in an assistant's message."""

    id: str
    function: CalledFunction
    type: str = "function"


class SystemMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="system"):
    """The application's instructions."""

    content: Content
    name: str | None = None


class DeveloperMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="developer"):
    """The application's instructions, by their newer name."""

    content: Content
    name: str | None = None


class UserMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="user"):
    """What the end user says."""

    content: Content
    name: str | None = None


class AssistantMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="assistant"):
    """What a model answered before."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: CalledFunction | None = None
    annotations: list[Any] | None = None


class ToolMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="tool"):
    """The result of a tool call."""

    content: Content
    tool_call_id: str


class FunctionMessage(msgspec.Struct, forbid_unknown_fields=True, tag_field="role", tag="function"):
    """The result of a legacy function call."""

    content: str | None
    name: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
