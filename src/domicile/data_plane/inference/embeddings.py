"""Embeddings (contract C25)."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart, estimated_tokens, plausible
from domicile.openai_api.embeddings import (
    EmbeddingRequest,
    check_embedding_request,
    decode_embeddings,
    encode_embeddings,
    encode_for_engine,
)


class EmbeddingsAdapter:
    """See `EndpointAdapter`."""

    endpoint = Endpoint.EMBEDDINGS

    def check(self, request: EmbeddingRequest) -> None:
        """See `EndpointAdapter`."""
        check_embedding_request(request)

    def media_type(self, _request: EmbeddingRequest) -> str:
        """See `EndpointAdapter`."""
        return JSON

    def encode(self, request: EmbeddingRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`. Nothing of an embedding is kept in a prompt cache, so there is nothing to salt."""
        return EngineRequest(encode_for_engine(request, model=model))

    def request_usage(self, _request: EmbeddingRequest, sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def reply(self, raw: bytes, request: EmbeddingRequest, names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`."""
        reply = decode_embeddings(raw)
        engine_usage = (
            plausible(Usage(input_tokens=reply.usage.prompt_tokens)) if reply.usage.prompt_tokens > 0 else None
        )
        return ReplyPart(encode_embeddings(reply, request, model=names.model), engine_usage=engine_usage)
