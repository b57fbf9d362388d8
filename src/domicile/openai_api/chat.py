"""POST /v1/chat/completions: the request, closed, and its encoding for an engine (design 4.2 and 4.6).

Names, ranges and lengths are those of `CreateChatCompletionRequest` in OpenAI's specification 2.3.0.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta

from domicile.openai_api.chat_messages import AssistantMessage, Message, TextContent
from domicile.openai_api.chat_tools import (
    FunctionCall,
    FunctionTool,
    JsonSchemaResponse,
    LegacyFunction,
    ResponseFormat,
    Tool,
    ToolChoice,
)
from domicile.openai_api.closed import Closed, ModelRequest
from domicile.openai_api.engine_body import with_scheduling

TokenCount = Annotated[int, Meta(ge=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
TokenId = Annotated[str, Meta(pattern=r"^[0-9]{1,10}\Z")]
Bias = Annotated[int, Meta(ge=-100, le=100)]
MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]


class StreamOptions(Closed, frozen=True):
    """Options of a streamed reply."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CustomVoice(Closed, frozen=True):
    """A caller's own voice, by its id."""

    id: str


class AudioOutput(Closed, frozen=True):
    """The voice and the format of an audio answer."""

    voice: str | CustomVoice
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]


class Prediction(Closed, frozen=True, tag_field="type", tag="content"):
    """Text that the answer is expected to repeat largely."""

    content: TextContent


class ApproximateLocation(Closed, frozen=True):
    """The parts of a user's approximate location."""

    country: str | None = None
    region: str | None = None
    city: str | None = None
    timezone: str | None = None


class UserLocation(Closed, frozen=True, tag_field="type", tag="approximate"):
    """The user's approximate location, for web search."""

    approximate: ApproximateLocation


class WebSearchOptions(Closed, frozen=True):
    """Options of a web search by the model."""

    user_location: UserLocation | None = None
    search_context_size: Literal["low", "medium", "high"] | None = None


class ModerationMode(Closed, frozen=True):
    """Whether a moderation finding is only scored or also blocks."""

    mode: Literal["score", "block"]


class ModerationPolicy(Closed, frozen=True):
    """The moderation of the input and of the output."""

    input: ModerationMode | None = None
    output: ModerationMode | None = None


class Moderation(Closed, frozen=True):
    """Moderation of the request and of the answer, by a named model."""

    model: str
    policy: ModerationPolicy | None = None


class PromptCacheOptions(Closed, frozen=True):
    """How long and how a prompt cache is kept."""

    ttl: Literal["30m"] | None = None
    mode: Literal["implicit", "explicit"] | None = None


class ChatCompletionRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows.

    `catalogue/data/chat_parameters.toml` says how Domicile treats each parameter.
    """

    messages: Annotated[list[Message], Meta(min_length=1)]
    audio: AudioOutput | None = None
    frequency_penalty: Penalty | None = None
    function_call: FunctionCall | None = None
    functions: Annotated[list[LegacyFunction], Meta(max_length=128)] | None = None
    logit_bias: dict[TokenId, Bias] | None = None
    logprobs: bool | None = None
    max_completion_tokens: TokenCount | None = None
    max_tokens: TokenCount | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | None = None
    modalities: Annotated[list[Literal["text", "audio"]], Meta(min_length=1)] | None = None
    moderation: Moderation | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    parallel_tool_calls: bool | None = None
    prediction: Prediction | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: PromptCacheOptions | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    response_format: ResponseFormat | None = None
    safety_identifier: Annotated[str, Meta(max_length=64)] | None = None
    seed: int | None = None
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    tool_choice: ToolChoice | None = None
    tools: list[Tool] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    user: str | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    web_search_options: WebSearchOptions | None = None

    @property
    def streams(self) -> bool:
        """Whether the caller wants a stream."""
        return self.stream is True

    @property
    def demands(self) -> frozenset[str]:
        """The paths of the members that ask for Structured Outputs, which only some engines support."""
        found = set()
        if isinstance(self.response_format, JsonSchemaResponse):
            found.add("response_format.json_schema")
        if isinstance(self.tools, list) and any(
            isinstance(tool, FunctionTool) and tool.function.strict is True for tool in self.tools
        ):
            found.add("tools[].function.strict")
        return frozenset(found)

    @property
    def wants_usage_in_stream(self) -> bool:
        """Whether the caller wants a last chunk with the usage."""
        return isinstance(self.stream_options, StreamOptions) and self.stream_options.include_usage is True


# Parameters that the platform handles and never sends to an engine. A test compares them with the catalogue's class "platform".
PLATFORM_PARAMETERS = (
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
)
_WITHOUT_PLATFORM: dict[str, None] = dict.fromkeys(PLATFORM_PARAMETERS)


def encode_for_engine(
    request: ChatCompletionRequest,
    *,
    model: str,
    stream: bool | None = None,
    cache_salt: str | None = None,
    priority: int | None = None,
) -> bytes:
    """Encode the parsed request for an engine, without the platform's parameters.

    `model`: the engine's own name for the model. `stream`: replaces the caller's value; None keeps it. A stream always
    includes the usage, because it is metered.
    """
    streams = request.streams if stream is None else stream
    body = msgspec.json.encode(
        msgspec.structs.replace(
            request,
            model=model,
            messages=[_without_platform_members(message) for message in request.messages],
            stream=streams,
            stream_options=StreamOptions(include_usage=True) if streams else None,
            **_WITHOUT_PLATFORM,
        )
    )
    return with_scheduling(body, cache_salt=cache_salt, priority=priority)


def _without_platform_members(message: Message) -> Message:
    """The message without members that only the platform uses. Returns the same object if there are none."""
    if isinstance(message, AssistantMessage):
        message = _with_text(message)
    content = message.content
    if isinstance(content, list) and any(
        getattr(part, "prompt_cache_breakpoint", None) is not None for part in content
    ):
        parts = [
            msgspec.structs.replace(part, prompt_cache_breakpoint=None)
            if getattr(part, "prompt_cache_breakpoint", None) is not None
            else part
            for part in content
        ]
        message = msgspec.structs.replace(message, content=parts)
    return message


def _with_text(message: AssistantMessage) -> AssistantMessage:
    """Normalize an earlier answer for engines: no empty `tool_calls`, and an empty text instead of a missing one.

    An answer that was cut off before its first word has neither text nor calls. Engines accept an empty text, but not null.
    """
    if message.tool_calls == []:
        message = msgspec.structs.replace(message, tool_calls=None)
    if message.content is UNSET or message.content is None:
        is_call = message.tool_calls or message.function_call
        if not is_call:
            return msgspec.structs.replace(message, content="")
    return message
