"""Moderations (contract C23)."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.exchange import JSON, Part, Shown, estimated_tokens
from domicile.openai_api.moderations import (
    ModerationRequest,
    check_moderation_request,
    decode_moderation,
    encode_for_engine,
    encode_moderation,
)


class ModerationsExchange:
    """See `Exchange`."""

    endpoint = Endpoint.MODERATIONS

    def check(self, request: ModerationRequest) -> None:
        """See `Exchange`."""
        check_moderation_request(request)

    def media_type(self, _request: ModerationRequest) -> str:
        """See `Exchange`."""
        return JSON

    def encode(self, request: ModerationRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `Exchange`. Nothing of a moderation is kept in a prompt cache, so there is nothing to salt."""
        if not all(url.startswith("data:") for _, url in request.images()):
            raise RuntimeError("an image's address would have reached an engine")
        return EngineRequest(encode_for_engine(request, model=model))

    def asked(self, request: ModerationRequest, _sent: EngineRequest) -> Usage:
        """See `Exchange`. The answer has no count: text is estimated, an image has no tokens."""
        return Usage(input_tokens=sum(estimated_tokens(len(text.encode())) or 1 for text in request.texts()))

    def reply(self, raw: bytes, request: ModerationRequest, shown: Shown) -> Part:
        """See `Exchange`."""
        return Part(encode_moderation(decode_moderation(raw), request, model=shown.model))
