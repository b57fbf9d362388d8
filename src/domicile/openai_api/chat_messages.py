"""The messages of a chat request: six roles and their content parts, closed (`ChatCompletionRequestMessage`)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domicile.openai_api.closed import Closed


class PromptCacheBreakpoint(Closed, frozen=True):
    """Where the caller would like a prompt cache to end. The platform decides on caches, so engines never see it."""

    mode: Literal["explicit"]


class TextPart(Closed, frozen=True, tag_field="type", tag="text"):
    """Text."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class ImageUrl(Closed, frozen=True):
    """An image, by its bytes (a data URL) or by an address."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Closed, frozen=True, tag_field="type", tag="image_url"):
    """An image."""

    image_url: ImageUrl
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputAudio(Closed, frozen=True):
    """Sound, as base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Closed, frozen=True, tag_field="type", tag="input_audio"):
    """Sound."""

    input_audio: InputAudio
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputFile(Closed, frozen=True):
    """A file, by its bytes or by the id of a stored one."""

    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class FilePart(Closed, frozen=True, tag_field="type", tag="file"):
    """A file."""

    file: InputFile
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


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
    name: str | None = None


class SystemMessage(Closed, frozen=True, tag_field="role", tag="system"):
    """Instructions."""

    content: TextContent
    name: str | None = None


class UserMessage(Closed, frozen=True, tag_field="role", tag="user"):
    """What the user said or showed."""

    content: UserContent
    name: str | None = None


class AssistantMessage(Closed, frozen=True, tag_field="role", tag="assistant"):
    """What the model answered earlier.

    The official clients send a whole answer back as the next request's message, with null for every member that it lacks. So
    null for `annotations`, which only answers have in the specification, is understood; what is more is a dropped member
    (`catalogue/data/chat_parameters.toml`).
    """

    # The one member where null is told from absence: templates of engines may look for it.
    content: AssistantContent | UnsetType | None = UNSET
    refusal: str | None = None
    name: str | None = None
    audio: EarlierAudio | None = None
    tool_calls: list[FunctionToolCall | CustomToolCall] | None = None
    function_call: CalledFunction | None = None
    annotations: None = None


class ToolMessage(Closed, frozen=True, tag_field="role", tag="tool"):
    """What a tool returned."""

    content: TextContent
    tool_call_id: str


class FunctionMessage(Closed, frozen=True, tag_field="role", tag="function"):
    """What a function returned, in the form before tools."""

    content: str | None
    name: str


Message = DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
