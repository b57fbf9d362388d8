"""Replies of POST /v1/chat/completions: decoded leniently from an engine, encoded strictly for the caller (design 4.6).

Members that the specification lacks are dropped, and so is null where it allows none. Required members are always written.
The reply names the requested snapshot, not the engine's model.
"""

from typing import Literal, get_args

import msgspec
from msgspec import UNSET, UnsetType, field

from domicile.openai_api.lenient import REQUIRED_NULL, Lenient

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
_FINISH_REASONS = frozenset(get_args(FinishReason))


class PromptTokensDetails(Lenient, frozen=True):
    """The prompt tokens by kind."""

    audio_tokens: int | None = None
    cached_tokens: int | None = None
    text_tokens: int | None = None
    image_tokens: int | None = None
    cache_write_tokens: int | None = None


class CompletionTokensDetails(Lenient, frozen=True):
    """The completion tokens by kind."""

    accepted_prediction_tokens: int | None = None
    audio_tokens: int | None = None
    reasoning_tokens: int | None = None
    text_tokens: int | None = None
    rejected_prediction_tokens: int | None = None


class CompletionUsage(Lenient, frozen=True):
    """OpenAI's `usage`: tokens of the prompt and of the completion."""

    prompt_tokens: int = field(default_factory=int)
    completion_tokens: int = field(default_factory=int)
    total_tokens: int = field(default_factory=int)
    completion_tokens_details: CompletionTokensDetails | None = None
    prompt_tokens_details: PromptTokensDetails | None = None


class TopLogprob(Lenient, frozen=True):
    """An alternative token, with its log probability."""

    token: str
    logprob: float
    bytes: list[int] | None = field(default_factory=REQUIRED_NULL)


class TokenLogprob(Lenient, frozen=True):
    """A generated token, with its log probability and its alternatives."""

    token: str
    logprob: float
    bytes: list[int] | None = field(default_factory=REQUIRED_NULL)
    top_logprobs: tuple[TopLogprob, ...] = field(default_factory=tuple)


class ChoiceLogprobs(Lenient, frozen=True):
    """The log probabilities of an answer's tokens."""

    content: list[TokenLogprob] | None = field(default_factory=REQUIRED_NULL)
    refusal: list[TokenLogprob] | None = field(default_factory=REQUIRED_NULL)


class FunctionCallReply(Lenient, frozen=True):
    """The function that the model calls, with its arguments as JSON text."""

    name: str
    arguments: str


class CustomToolCallReply(Lenient, frozen=True):
    """The custom tool that the model calls, with its input."""

    name: str
    input: str


class ToolCallReply(Lenient, frozen=True):
    """A call of a function or of a custom tool."""

    id: str
    type: str = field(default_factory=lambda: "function")
    function: FunctionCallReply | None = None
    custom: CustomToolCallReply | None = None


class UrlCitation(Lenient, frozen=True):
    """A cited web page, and the characters of the answer that cite it."""

    end_index: int
    start_index: int
    url: str
    title: str


class Annotation(Lenient, frozen=True):
    """An annotation of the answer: a citation."""

    type: str
    url_citation: UrlCitation


class AudioReply(Lenient, frozen=True):
    """An audio answer, in base64, with its transcript."""

    id: str
    expires_at: int
    data: str
    transcript: str


class ReplyMessage(Lenient, frozen=True):
    """The model's message."""

    role: str = field(default_factory=lambda: "assistant")
    content: str | None = field(default_factory=REQUIRED_NULL)
    refusal: str | None = field(default_factory=REQUIRED_NULL)
    tool_calls: list[ToolCallReply] | None = None
    function_call: FunctionCallReply | None = None
    annotations: list[Annotation] | None = None
    audio: AudioReply | None = None


class Choice(Lenient, frozen=True):
    """One of the `n` answers."""

    index: int
    message: ReplyMessage
    finish_reason: str | None
    logprobs: ChoiceLogprobs | None = field(default_factory=REQUIRED_NULL)


class ChatCompletion(Lenient, frozen=True):
    """A whole reply."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    object: str = field(default_factory=lambda: "chat.completion")
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | None = None


class FunctionCallDelta(Lenient, frozen=True):
    """A piece of a function call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Lenient, frozen=True):
    """A piece of a tool call."""

    index: int
    id: str | None = None
    type: str | None = None
    function: FunctionCallDelta | None = None


class Delta(Lenient, frozen=True):
    """A piece of an answer. Null and absent `content` differ only in the first piece."""

    role: str | None = None
    content: str | UnsetType | None = UNSET
    refusal: str | UnsetType | None = UNSET
    function_call: FunctionCallDelta | None = None
    tool_calls: list[ToolCallDelta] | None = None


class ChunkChoice(Lenient, frozen=True):
    """A piece of one of the `n` answers."""

    index: int
    delta: Delta
    finish_reason: str | None = field(default_factory=REQUIRED_NULL)
    logprobs: ChoiceLogprobs | None = None


class ChatCompletionChunk(Lenient, frozen=True):
    """One event of a stream."""

    id: str
    created: int
    model: str
    choices: list[ChunkChoice]
    object: str = field(default_factory=lambda: "chat.completion.chunk")
    obfuscation: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: CompletionUsage | UnsetType | None = UNSET


_COMPLETION = msgspec.json.Decoder(ChatCompletion)
_CHUNK = msgspec.json.Decoder(ChatCompletionChunk)


def decode_completion(data: bytes) -> ChatCompletion:
    """Decode an engine's whole reply. Raises ValueError for an invalid reply, also for invalid UTF-8."""
    return _COMPLETION.decode(data)


def decode_chunk(data: bytes) -> ChatCompletionChunk:
    """Decode the data of one event of an engine's stream, other than `[DONE]`. Raises ValueError for an invalid event."""
    return _CHUNK.decode(data)


def encode_completion(reply: ChatCompletion, *, model: str, service_tier: str | None = None) -> bytes:
    """Encode a reply for the caller. `model`: the requested snapshot. `service_tier`: the tier that served the request."""
    choices = reply.choices
    if any(choice.finish_reason not in _FINISH_REASONS for choice in choices):
        choices = [
            msgspec.structs.replace(choice, finish_reason=_known_reason(choice.finish_reason)) for choice in choices
        ]
    return msgspec.json.encode(
        msgspec.structs.replace(
            reply, model=model, object="chat.completion", choices=choices, service_tier=service_tier
        )
    )


def encode_chunk(
    chunk: ChatCompletionChunk, *, model: str, include_usage: bool, service_tier: str | None = None
) -> bytes:
    """Encode one event for the caller.

    `model`: the requested snapshot. `include_usage`: whether the caller wants usage. `service_tier`: the tier that served the
    request.
    """
    return msgspec.json.encode(
        msgspec.structs.replace(
            chunk,
            model=model,
            object="chat.completion.chunk",
            choices=_shown_choices(chunk.choices),
            usage=usage_in_chunk(chunk.usage, include_usage=include_usage),
            service_tier=service_tier,
            obfuscation=None,
        )
    )


def _shown_choices(choices: list[ChunkChoice]) -> list[ChunkChoice]:
    """The choices with known finish reasons and without empty content. Nearly always the same list: then nothing is copied."""
    if any(choice.finish_reason is not None and choice.finish_reason not in _FINISH_REASONS for choice in choices):
        choices = [
            choice
            if choice.finish_reason is None
            else msgspec.structs.replace(choice, finish_reason=_known_reason(choice.finish_reason))
            for choice in choices
        ]
    if any(_lacks_content(choice.delta) for choice in choices):
        choices = [
            msgspec.structs.replace(choice, delta=msgspec.structs.replace(choice.delta, content=None))
            if _lacks_content(choice.delta)
            else choice
            for choice in choices
        ]
    return choices


def _lacks_content(delta: Delta) -> bool:
    """Whether an answer or a call begins here without `content`. OpenAI sends null then, which typed clients expect."""
    if delta.content is not UNSET:
        return False
    begins_call = delta.tool_calls is not None and any(call.id is not None for call in delta.tool_calls)
    begins_legacy_call = delta.function_call is not None and delta.function_call.name is not None
    return delta.role is not None or begins_call or begins_legacy_call


def usage_in_chunk(
    usage: CompletionUsage | UnsetType | None, *, include_usage: bool
) -> CompletionUsage | UnsetType | None:
    """The usage of a chunk: absent unless the caller wants it, and then null in every chunk but the last."""
    if not include_usage:
        return UNSET
    return None if usage is UNSET else usage


def _known_reason(reason: str | None) -> str:
    """The finish reason, or `stop` for an unknown one such as "abort" or "eos", on which typed clients fail."""
    return reason if reason is not None and reason in _FINISH_REASONS else "stop"
