"""The messages of a chat request: six roles and their content parts, closed (`ChatCompletionRequestMessage`)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from domicile.openai_api.closed import Closed


class PromptCacheBreakpoint(Closed, frozen=True):
    """The caller's hint where a prompt cache should end. The platform decides on caches, so engines never get it."""

    mode: Literal["explicit"]


class TextPart(Closed, frozen=True, tag_field="type", tag="text"):
    """A text part."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class ImageUrl(Closed, frozen=True):
    """An image, as a data URL or as a web address."""

    url: str
    detail: Literal["auto", "low", "high"] | None = None


class ImagePart(Closed, frozen=True, tag_field="type", tag="image_url"):
    """An image part."""

    image_url: ImageUrl
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputAudio(Closed, frozen=True):
    """Audio in base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(Closed, frozen=True, tag_field="type", tag="input_audio"):
    """An audio part."""

    input_audio: InputAudio
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class InputFile(Closed, frozen=True):
    """A file, by its content or by the id of a stored file."""

    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class FilePart(Closed, frozen=True, tag_field="type", tag="file"):
    """A file part."""

    file: InputFile
    prompt_cache_breakpoint: PromptCacheBreakpoint | None = None


class RefusalPart(Closed, frozen=True, tag_field="type", tag="refusal"):
    """The text with which an assistant refused."""

    refusal: str


TextContent = str | Annotated[list[TextPart], Meta(min_length=1)]
UserPart = TextPart | ImagePart | AudioPart | FilePart
UserContent = str | Annotated[list[UserPart], Meta(min_length=1)]
AssistantContent = str | Annotated[list[TextPart | RefusalPart], Meta(min_length=1)]


class CalledFunction(Closed, frozen=True):
    """A function call. `arguments`: JSON text as the model wrote it, possibly invalid."""

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
    """An earlier audio answer, by its id."""

    id: str


class DeveloperMessage(Closed, frozen=True, tag_field="role", tag="developer"):
    """Instructions; the newer name of a system message."""

    content: TextContent
    name: str | None = None


class SystemMessage(Closed, frozen=True, tag_field="role", tag="system"):
    """Instructions."""

    content: TextContent
    name: str | None = None


class UserMessage(Closed, frozen=True, tag_field="role", tag="user"):
    """A user's message, with text and other parts."""

    content: UserContent
    name: str | None = None


class AssistantMessage(Closed, frozen=True, tag_field="role", tag="assistant"):
    """An earlier answer of the model.

    The official clients send a whole answer back, with null for every absent member. So null is accepted for `annotations`,
    which the specification has only in answers. Other members of answers are dropped (`catalogue/data/chat_parameters.toml`).
    """

    # The only member where null and absence differ: an engine's chat template may test for it.
    content: AssistantContent | UnsetType | None = UNSET
    refusal: str | None = None
    name: str | None = None
    audio: EarlierAudio | None = None
    tool_calls: list[FunctionToolCall | CustomToolCall] | None = None
    function_call: CalledFunction | None = None
    annotations: None = None


class ToolMessage(Closed, frozen=True, tag_field="role", tag="tool"):
    """The result of a tool call."""

    content: TextContent
    tool_call_id: str


class FunctionMessage(Closed, frozen=True, tag_field="role", tag="function"):
    """The result of a function call, in the deprecated form."""

    content: str | None
    name: str


Message = DeveloperMessage | SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
