"""The messages of a chat request: six roles and their content parts, closed (`ChatCompletionRequestMessage`)."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from domicile.openai_api.closed import Closed


class PromptCacheBreakpoint(Closed, frozen=True):
    """Where the caller would like a prompt cache to end. The platform decides on caches, so engines never see it."""

    mode: Literal["explicit"]


class TextPart(Closed, frozen=True, tag_field="type", tag="text"):
    """Text."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class ImageUrl(Closed, frozen=True):
    """An image, by its bytes (a data URL) or by an address."""

    url: str
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class ImagePart(Closed, frozen=True, tag_field="type", tag="image_url"):
    """An image."""

    image_url: ImageUrl
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class InputAudio(Closed, frozen=True):
    """Sound, as base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Closed, frozen=True, tag_field="type", tag="input_audio"):
    """Sound."""

    input_audio: InputAudio
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class InputFile(Closed, frozen=True):
    """A file, by its bytes or by the id of a stored one."""

    filename: str | UnsetType = UNSET
    file_data: str | UnsetType = UNSET
    file_id: str | UnsetType = UNSET


class FilePart(Closed, frozen=True, tag_field="type", tag="file"):
    """A file."""

    file: InputFile
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class RefusalPart(Closed, frozen=True, tag_field="type", tag="refusal"):
    """What an assistant said when it declined."""

    refusal: str


TextContent = str | Annotated[list[TextPart], Meta(min_length=1)]
UserPart = TextPart | ImagePart | AudioPart | FilePart
UserContent = str | Annotated[list[UserPart], Meta(min_length=1)]
AssistantContent = str | Annotated[list[TextPart | RefusalPart], Meta(min_length=1)]


class CalledFunction(Closed, frozen=True):
    """A call of a function, with its arguments as JSON in text, as the model wrote it."""

    name: str
    arguments: str


class CalledCustomTool(Closed, frozen=True):
    """A call of a custom tool, with its free-form input."""

    name: str
    input: str


class FunctionToolCall(Closed, frozen=True, tag_field="type", tag="function"):
    """An earlier call of a function tool."""

    id: str
    function: CalledFunction


class CustomToolCall(Closed, frozen=True, tag_field="type", tag="custom"):
    """An earlier call of a custom tool."""

    id: str
    custom: CalledCustomTool


class EarlierAudio(Closed, frozen=True):
    """An earlier spoken answer, by its id."""

    id: str


class DeveloperMessage(Closed, frozen=True, tag_field="role", tag="developer"):
    """Instructions, by their newer name."""

    content: TextContent
    name: str | UnsetType = UNSET


class SystemMessage(Closed, frozen=True, tag_field="role", tag="system"):
    """Instructions."""

    content: TextContent
    name: str | UnsetType = UNSET


class UserMessage(Closed, frozen=True, tag_field="role", tag="user"):
    """What the user said or showed."""

    content: UserContent
    name: str | UnsetType = UNSET


class AssistantMessage(Closed, frozen=True, tag_field="role", tag="assistant"):
    """What the model answered earlier.

    The official clients send a whole answer back as the next request's message. So `annotations`, which only answers have
    in the specification, and null for `tool_calls` are understood here.
    """

    content: AssistantContent | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    audio: EarlierAudio | UnsetType | None = UNSET
    tool_calls: list[FunctionToolCall | CustomToolCall] | UnsetType | None = UNSET
    function_call: CalledFunction | UnsetType | None = UNSET
    annotations: list[dict[str, Any]] | UnsetType | None = UNSET


class ToolMessage(Closed, frozen=True, tag_field="role", tag="tool"):
    """What a tool returned."""

    content: TextContent
    tool_call_id: str


class FunctionMessage(Closed, frozen=True, tag_field="role", tag="function"):
    """What a function returned, in the form before tools."""

    content: str | None
    name: str


Message = DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
