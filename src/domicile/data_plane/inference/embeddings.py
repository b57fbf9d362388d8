"""Embeddings (contract C25)."""

from dataclasses import dataclass

from domicile.boundary.usage import Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart, estimated_tokens, plausible
from domicile.data_plane.limits.demand import Demand
from domicile.openai_api.embeddings import (
    EmbeddingRequest,
    check_embedding_request,
    decode_embeddings,
    encode_embeddings,
    encode_for_engine,
)


class EmbeddingsAdapter:
    """The `EndpointAdapter` of embeddings."""

    endpoint = Endpoint.EMBEDDINGS

    def check(self, request: EmbeddingRequest) -> None:
        """Check the number and kind of inputs. Raises 400 with the input at fault."""
        check_embedding_request(request)

    def media_type(self, _request: EmbeddingRequest) -> str:
        """`application/json`."""
        return JSON

    def encode(self, request: EmbeddingRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON. The salt is dropped: embeddings use no prompt cache."""
        return EngineRequest(encode_for_engine(request, model=model))

    def demand(self, _request: EmbeddingRequest, _model: ModelEntry, body_bytes: int) -> Demand:
        """Tokens of the body."""
        return Demand(estimated_tokens(body_bytes))

    def request_usage(self, _request: EmbeddingRequest, sent: EngineRequest) -> Usage:
        """Tokens estimated from the size of the encoded body."""
        return Usage(input_tokens=estimated_tokens(len(sent.body)))

    def begin(self, request: EmbeddingRequest, names: ReplyNames) -> "_EmbeddingsReader":
        """A reader of the vectors."""
        return _EmbeddingsReader(request, names)


@dataclass(frozen=True, slots=True)
class _EmbeddingsReader:
    request: EmbeddingRequest
    names: ReplyNames

    def reply(self, raw: bytes) -> ReplyPart:
        reply = decode_embeddings(raw)
        tokens = reply.usage.prompt_tokens
        engine_usage = plausible(Usage(input_tokens=tokens)) if tokens > 0 else None
        return ReplyPart(encode_embeddings(reply, self.request, model=self.names.model), engine_usage=engine_usage)
