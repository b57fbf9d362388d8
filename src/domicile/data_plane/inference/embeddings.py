"""Embeddings (contract C25)."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.exchange import JSON, Part, Shown, estimated_tokens, plausible
from domicile.openai_api.embeddings import (
    EmbeddingRequest,
    check_embedding_request,
    decode_embeddings,
    encode_embeddings,
    encode_for_engine,
)


class EmbeddingsExchange:
    """See `Exchange`."""

    endpoint = Endpoint.EMBEDDINGS

    def check(self, request: EmbeddingRequest) -> None:
        """See `Exchange`."""
        check_embedding_request(request)

    def media_type(self, _request: EmbeddingRequest) -> str:
        """See `Exchange`."""
        return JSON

    def encode(self, request: EmbeddingRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `Exchange`. Nothing of an embedding is kept in a prompt cache, so there is nothing to salt."""
        return EngineRequest(encode_for_engine(request, model=model))

    def asked(self, _request: EmbeddingRequest, sent: EngineRequest) -> Usage:
        """See `Exchange`."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def reply(self, raw: bytes, request: EmbeddingRequest, shown: Shown) -> Part:
        """See `Exchange`."""
        reply = decode_embeddings(raw)
        counted = plausible(Usage(input_tokens=reply.usage.prompt_tokens)) if reply.usage.prompt_tokens > 0 else None
        return Part(encode_embeddings(reply, request, model=shown.model), counted=counted)
