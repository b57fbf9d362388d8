"""Chat completions (contract C20)."""

from collections.abc import Iterator
from dataclasses import dataclass

from domicile.boundary.usage import Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import (
    EVENT_STREAM,
    JSON,
    ReplyNames,
    ReplyPart,
    estimated_tokens,
    event,
    plausible,
)
from domicile.data_plane.limits.demand import Demand
from domicile.openai_api import chat_reply
from domicile.openai_api.chat import ChatCompletionRequest, encode_for_engine
from domicile.openai_api.chat_messages import AudioPart, ImagePart, UserMessage
from domicile.openai_api.chat_rules import check_chat_request


class ChatAdapter:
    """The `StreamingEndpointAdapter` of chat completions."""

    endpoint = Endpoint.CHAT_COMPLETIONS

    def check(self, request: ChatCompletionRequest) -> None:
        """Check roles, tools, sampling and response format."""
        check_chat_request(request)

    def media_type(self, request: ChatCompletionRequest) -> str:
        """Events for a stream, else JSON."""
        return EVENT_STREAM if request.streams else JSON

    def encode(self, request: ChatCompletionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON. Raises RuntimeError for an image that is still a URL: an engine would fetch it itself."""
        _check_no_address(request)
        return EngineRequest(encode_for_engine(request, model=model, cache_salt=cache_salt))

    def demand(self, request: ChatCompletionRequest, model: ModelEntry, body_bytes: int) -> Demand:
        """Tokens of the text, and the longest answer of each choice. Only an engine can count images and sound."""
        asked = request.max_completion_tokens or request.max_tokens or model.output_tokens_max
        output = min(asked, model.output_tokens_max) * (request.n or 1)
        return Demand(estimated_tokens(max(0, body_bytes - sum(_media_bytes(request)))), output)

    def request_usage(self, request: ChatCompletionRequest, sent: EngineRequest) -> Usage:
        """Tokens estimated from the text alone: only an engine can count the tokens of images and sound."""
        return Usage(input_tokens=estimated_tokens(len(sent.body) - sum(_media_bytes(request))))

    def is_raw(self, _request: ChatCompletionRequest) -> bool:
        """False: chat streams events."""
        return False

    def begin(self, request: ChatCompletionRequest, names: ReplyNames) -> "_ChatReader":
        """A reader of one completion or of its chunks."""
        return _ChatReader(names, request.wants_usage_in_stream)


@dataclass(frozen=True, slots=True)
class _ChatReader:
    names: ReplyNames
    with_usage: bool

    def reply(self, raw: bytes) -> ReplyPart:
        reply = chat_reply.decode_completion(raw)
        body = chat_reply.encode_completion(reply, model=self.names.model, service_tier=self.names.service_tier)
        return ReplyPart(body, _platform_usage(reply), engine_tokens(reply.usage))

    def piece(self, data: bytes) -> ReplyPart:
        chunk = chat_reply.decode_chunk(data)
        # Count one token for each choice: engines send about one token a chunk.
        platform_usage = Usage(output_tokens=len(chunk.choices))
        engine_usage = engine_tokens(chunk.usage or None)
        if not (chunk.choices or self.with_usage):
            # The usage chunk has no choices. Send it only to callers that set `stream_options.include_usage`.
            return ReplyPart(b"", platform_usage, engine_usage)
        body = chat_reply.encode_chunk(
            chunk, model=self.names.model, include_usage=self.with_usage, service_tier=self.names.service_tier
        )
        return ReplyPart(event(body), platform_usage, engine_usage)

    def end(self) -> bytes:
        return event(b"[DONE]")


def _platform_usage(reply: chat_reply.ChatCompletion) -> Usage:
    """Tokens estimated from a whole reply's texts and tool arguments, at least one for each."""
    texts = [choice.message.content or "" for choice in reply.choices]
    for choice in reply.choices:
        texts += [call.function.arguments for call in choice.message.tool_calls or () if call.function is not None]
    return Usage(output_tokens=sum(max(1, estimated_tokens(len(text.encode()))) for text in texts))


def engine_tokens(usage: chat_reply.CompletionUsage | None) -> Usage | None:
    """The engine's token count, or None when it is implausible. Every prompt has at least one token."""
    if usage is None or usage.prompt_tokens < 1:
        return None
    read, written = usage.prompt_tokens_details, usage.completion_tokens_details
    return plausible(
        Usage(
            input_tokens=usage.prompt_tokens,
            input_cached_tokens=(read and read.cached_tokens) or 0,
            output_tokens=usage.completion_tokens,
            output_reasoning_tokens=(written and written.reasoning_tokens) or 0,
        )
    )


def _check_no_address(request: ChatCompletionRequest) -> None:
    """Raise RuntimeError for an image URL. Policy refuses URLs or fetches them earlier; this guards against a defect there."""
    for part in _parts(request):
        if isinstance(part, ImagePart) and not part.image_url.url.startswith("data:"):
            raise RuntimeError("an image's address must never reach an engine")


def _media_bytes(request: ChatCompletionRequest) -> Iterator[int]:
    for part in _parts(request):
        if isinstance(part, ImagePart):
            yield len(part.image_url.url)
        elif isinstance(part, AudioPart):
            yield len(part.input_audio.data)


def _parts(request: ChatCompletionRequest) -> Iterator[object]:
    for message in request.messages:
        if isinstance(message, UserMessage) and isinstance(message.content, list):
            yield from message.content
