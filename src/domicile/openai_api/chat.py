"""The request of POST /v1/chat/completions, closed, and what of it an engine is sent (design 4.2 and 4.6).

Names, ranges and lengths are those of `CreateChatCompletionRequest` in OpenAI's specification 2.3.0.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

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
    """How a stream is to be sent."""

    include_usage: bool | UnsetType = UNSET
    include_obfuscation: bool | UnsetType = UNSET


class CustomVoice(Closed, frozen=True):
    """A voice by its id."""

    id: str


class AudioOutput(Closed, frozen=True):
    """How a spoken answer is to sound."""

    voice: str | CustomVoice
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]


class Prediction(Closed, frozen=True, tag_field="type", tag="content"):
    """Text that the answer will largely repeat."""

    content: TextContent


class ApproximateLocation(Closed, frozen=True):
    """A place."""

    country: str | UnsetType = UNSET
    region: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    timezone: str | UnsetType = UNSET


class UserLocation(Closed, frozen=True, tag_field="type", tag="approximate"):
    """Where the user is, roughly."""

    approximate: ApproximateLocation


class WebSearchOptions(Closed, frozen=True):
    """A search of the web."""

    user_location: UserLocation | UnsetType | None = UNSET
    search_context_size: Literal["low", "medium", "high"] | UnsetType = UNSET


class ModerationMode(Closed, frozen=True):
    """What to do with a finding."""

    mode: Literal["score", "block"]


class ModerationPolicy(Closed, frozen=True):
    """What to moderate."""

    input: ModerationMode | UnsetType | None = UNSET
    output: ModerationMode | UnsetType | None = UNSET


class Moderation(Closed, frozen=True):
    """Moderation of the request and the answer."""

    model: str
    policy: ModerationPolicy | UnsetType | None = UNSET


class PromptCacheOptions(Closed, frozen=True):
    """How a prompt cache is to be kept."""

    ttl: Literal["30m"] | UnsetType = UNSET
    mode: Literal["implicit", "explicit"] | UnsetType = UNSET


class ChatCompletionRequest(ModelRequest, frozen=True, kw_only=True):
    """All that a caller may say. What each parameter may do here is in `catalogue/data/chat_parameters.toml`."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    audio: AudioOutput | UnsetType | None = UNSET
    frequency_penalty: Penalty | UnsetType | None = UNSET
    function_call: FunctionCall | UnsetType = UNSET
    functions: Annotated[list[LegacyFunction], Meta(min_length=1, max_length=128)] | UnsetType = UNSET
    logit_bias: dict[TokenId, Bias] | UnsetType | None = UNSET
    logprobs: bool | UnsetType | None = UNSET
    max_completion_tokens: TokenCount | UnsetType | None = UNSET
    max_tokens: TokenCount | UnsetType | None = UNSET
    metadata: Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)] | UnsetType | None = UNSET
    modalities: Annotated[list[Literal["text", "audio"]], Meta(min_length=1)] | UnsetType | None = UNSET
    moderation: Moderation | UnsetType | None = UNSET
    n: Annotated[int, Meta(ge=1, le=128)] | UnsetType | None = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    prediction: Prediction | UnsetType | None = UNSET
    presence_penalty: Penalty | UnsetType | None = UNSET
    prompt_cache_key: str | UnsetType | None = UNSET
    prompt_cache_options: PromptCacheOptions | UnsetType = UNSET
    prompt_cache_retention: Literal["in_memory", "24h"] | UnsetType | None = UNSET
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | UnsetType | None = UNSET
    response_format: ResponseFormat | UnsetType = UNSET
    safety_identifier: Annotated[str, Meta(max_length=64)] | UnsetType | None = UNSET
    seed: int | UnsetType | None = UNSET
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | UnsetType | None = UNSET
    stop: str | Annotated[list[str], Meta(min_length=1, max_length=4)] | UnsetType | None = UNSET
    store: bool | UnsetType | None = UNSET
    stream: bool | UnsetType | None = UNSET
    stream_options: StreamOptions | UnsetType | None = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType | None = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | UnsetType | None = UNSET
    top_p: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    user: str | UnsetType = UNSET
    verbosity: Literal["low", "medium", "high"] | UnsetType | None = UNSET
    web_search_options: WebSearchOptions | UnsetType = UNSET

    @property
    def streams(self) -> bool:
        """Whether the answer is asked for as a stream."""
        return self.stream is True

    @property
    def demands(self) -> frozenset[str]:
        """See `ModelRequest`: Structured Outputs, of the answer and of a tool's arguments."""
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
        """Whether the caller asked for a last chunk with the usage."""
        return isinstance(self.stream_options, StreamOptions) and self.stream_options.include_usage is True


# What the platform itself answers for, so that no engine is told (class "platform" in the catalogue; a test compares).
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
_WITHOUT_PLATFORM: dict[str, UnsetType] = dict.fromkeys(PLATFORM_PARAMETERS, UNSET)


def encode_for_engine(
    request: ChatCompletionRequest,
    *,
    model: str,
    stream: bool | None = None,
    cache_salt: str | None = None,
    priority: int | None = None,
) -> bytes:
    """The bytes for an engine: the re-encoding of what was read, with the engine's own name for the model.

    `stream` replaces the caller's wish (None keeps it). Of a stream the usage is always asked for, because it is metered.
    """
    streams = request.streams if stream is None else stream
    body = msgspec.json.encode(
        msgspec.structs.replace(
            request,
            model=model,
            messages=[_without_platform_members(message) for message in request.messages],
            stream=streams,
            stream_options=StreamOptions(include_usage=True) if streams else UNSET,
            **_WITHOUT_PLATFORM,
        )
    )
    return with_scheduling(body, cache_salt=cache_salt, priority=priority)


def _without_platform_members(message: Message) -> Message:
    """The message as an engine may see it: the same object in nearly every request."""
    if isinstance(message, AssistantMessage) and message.annotations is not UNSET:
        message = msgspec.structs.replace(message, annotations=UNSET)
    content = message.content
    if isinstance(content, list) and any(
        getattr(part, "prompt_cache_breakpoint", UNSET) is not UNSET for part in content
    ):
        parts = [
            msgspec.structs.replace(part, prompt_cache_breakpoint=UNSET)
            if getattr(part, "prompt_cache_breakpoint", UNSET) is not UNSET
            else part
            for part in content
        ]
        message = msgspec.structs.replace(message, content=parts)
    return message
