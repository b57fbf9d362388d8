"""Text completions: beyond the contract, for batches and older tools."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import EVENT_STREAM, JSON, ReplyNames, ReplyPart, estimated_tokens
from domicile.data_plane.inference.chat import engine_tokens
from domicile.openai_api.completions import (
    CompletionRequest,
    check_completion_request,
    decode_reply,
    encode_chunk,
    encode_completion,
    encode_for_engine,
)


class CompletionsAdapter:
    """See `StreamingEndpointAdapter`."""

    endpoint = Endpoint.COMPLETIONS

    def check(self, request: CompletionRequest) -> None:
        """See `EndpointAdapter`."""
        check_completion_request(request)

    def media_type(self, request: CompletionRequest) -> str:
        """See `EndpointAdapter`."""
        return EVENT_STREAM if request.streams else JSON

    def encode(self, request: CompletionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`."""
        return EngineRequest(encode_for_engine(request, model=model, cache_salt=cache_salt))

    def request_usage(self, _request: CompletionRequest, sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def reply(self, raw: bytes, _request: CompletionRequest, names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`. Whatever was written was at least one token for each completion."""
        reply = decode_reply(raw)
        written = sum(max(1, estimated_tokens(len(choice.text.encode()))) for choice in reply.choices)
        body = encode_completion(reply, model=names.model)
        return ReplyPart(body, Usage(output_tokens=written), engine_tokens(reply.usage or None))

    def is_raw(self, _request: CompletionRequest) -> bool:
        """See `StreamingEndpointAdapter`."""
        return False

    def piece(self, data: bytes, request: CompletionRequest, names: ReplyNames) -> ReplyPart:
        """See `StreamingEndpointAdapter`. Engines send one token for each completion in a chunk."""
        chunk = decode_reply(data)
        with_usage = request.wants_usage_in_stream
        platform_usage, engine_usage = Usage(output_tokens=len(chunk.choices)), engine_tokens(chunk.usage or None)
        if not (chunk.choices or with_usage):
            # The chunk with the usage has no choices; it is for callers who asked for it.
            return ReplyPart(b"", platform_usage, engine_usage)
        body = encode_chunk(chunk, model=names.model, include_usage=with_usage)
        return ReplyPart(b"data: " + body + b"\n\n", platform_usage, engine_usage)

    def end(self, _request: CompletionRequest) -> bytes:
        """See `StreamingEndpointAdapter`."""
        return b"data: [DONE]\n\n"
