"""Text completions: beyond the contract, for batches and older tools."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.chat import counted_tokens
from domicile.data_plane.inference.exchange import EVENT_STREAM, JSON, Part, Shown, estimated_tokens
from domicile.openai_api.completions import (
    CompletionRequest,
    check_completion_request,
    decode_reply,
    encode_chunk,
    encode_completion,
    encode_for_engine,
)


class CompletionsExchange:
    """See `StreamedExchange`."""

    endpoint = Endpoint.COMPLETIONS

    def check(self, request: CompletionRequest) -> None:
        """See `Exchange`."""
        check_completion_request(request)

    def media_type(self, request: CompletionRequest) -> str:
        """See `Exchange`."""
        return EVENT_STREAM if request.streams else JSON

    def encode(self, request: CompletionRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `Exchange`."""
        return EngineRequest(encode_for_engine(request, model=model, cache_salt=cache_salt))

    def asked(self, _request: CompletionRequest, sent: EngineRequest) -> Usage:
        """See `Exchange`."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def reply(self, raw: bytes, _request: CompletionRequest, shown: Shown) -> Part:
        """See `Exchange`. Whatever was written was at least one token for each completion."""
        reply = decode_reply(raw)
        said = sum(max(1, estimated_tokens(len(choice.text.encode()))) for choice in reply.choices)
        body = encode_completion(reply, model=shown.model)
        return Part(body, Usage(output_tokens=said), counted_tokens(reply.usage or None))

    def is_raw(self, _request: CompletionRequest) -> bool:
        """See `StreamedExchange`."""
        return False

    def piece(self, data: bytes, request: CompletionRequest, shown: Shown) -> Part:
        """See `StreamedExchange`. Engines send one token for each completion in a chunk."""
        chunk = decode_reply(data)
        with_usage = request.wants_usage_in_stream
        said, counted = Usage(output_tokens=len(chunk.choices)), counted_tokens(chunk.usage or None)
        if not (chunk.choices or with_usage):
            # The chunk with the usage has no choices; it is for callers who asked for it.
            return Part(b"", said, counted)
        body = encode_chunk(chunk, model=shown.model, include_usage=with_usage)
        return Part(b"data: " + body + b"\n\n", said, counted)

    def end(self, _request: CompletionRequest) -> bytes:
        """See `StreamedExchange`."""
        return b"data: [DONE]\n\n"
