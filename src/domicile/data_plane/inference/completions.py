"""Text completions. The contract does not ask for them; batches and older tools use them."""

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
)
from domicile.data_plane.inference.chat import engine_tokens
from domicile.data_plane.limits.demand import Demand
from domicile.openai_api.completions import (
    DEFAULT_MAX_TOKENS,
    CompletionRequest,
    check_completion_request,
    decode_reply,
    encode_chunk,
    encode_completion,
    encode_for_engine,
)


class CompletionsAdapter:
    """The `StreamingEndpointAdapter` of text completions."""

    endpoint = Endpoint.COMPLETIONS

    def check(self, request: CompletionRequest) -> None:
        """Check prompts, `n` and `best_of` against the specification. Raises 400."""
        check_completion_request(request)

    def media_type(self, request: CompletionRequest) -> str:
        """Events for a stream, else JSON."""
        return EVENT_STREAM if request.streams else JSON

    def encode(self, request: CompletionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON, with the cache salt."""
        return EngineRequest(encode_for_engine(request, model=model, cache_salt=cache_salt))

    def demand(self, request: CompletionRequest, model: ModelEntry, body_bytes: int) -> Demand:
        """Tokens of the body, and the longest text of each completion."""
        asked = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
        completions = max(request.n or 1, request.best_of or 1) * request.prompts
        return Demand(estimated_tokens(body_bytes), min(asked, model.output_tokens_max) * completions)

    def request_usage(self, _request: CompletionRequest, sent: EngineRequest) -> Usage:
        """Tokens estimated from the size of the encoded body."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def is_raw(self, _request: CompletionRequest) -> bool:
        """False: completions stream events."""
        return False

    def begin(self, request: CompletionRequest, names: ReplyNames) -> "_CompletionsReader":
        """A reader of one completion or of its chunks."""
        return _CompletionsReader(names, request.wants_usage_in_stream)


@dataclass(frozen=True, slots=True)
class _CompletionsReader:
    names: ReplyNames
    with_usage: bool

    def reply(self, raw: bytes) -> ReplyPart:
        reply = decode_reply(raw)
        # At least one token for each completion.
        tokens = sum(max(1, estimated_tokens(len(choice.text.encode()))) for choice in reply.choices)
        body = encode_completion(reply, model=self.names.model)
        return ReplyPart(body, Usage(output_tokens=tokens), engine_tokens(reply.usage or None))

    def piece(self, data: bytes) -> ReplyPart:
        chunk = decode_reply(data)
        # Count one token for each choice: engines send about one token a chunk.
        platform_usage = Usage(output_tokens=len(chunk.choices))
        engine_usage = engine_tokens(chunk.usage or None)
        if not (chunk.choices or self.with_usage):
            # The usage chunk has no choices. Send it only to callers that set `stream_options.include_usage`.
            return ReplyPart(b"", platform_usage, engine_usage)
        body = encode_chunk(chunk, model=self.names.model, include_usage=self.with_usage)
        return ReplyPart(event(body), platform_usage, engine_usage)

    def end(self) -> bytes:
        return event(b"[DONE]")
