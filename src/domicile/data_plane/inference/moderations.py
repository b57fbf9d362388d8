"""Moderations (contract C23)."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart, estimated_tokens
from domicile.openai_api.moderations import (
    ModerationRequest,
    check_moderation_request,
    decode_moderation,
    encode_for_engine,
    encode_moderation,
)


class ModerationsAdapter:
    """See `EndpointAdapter`."""

    endpoint = Endpoint.MODERATIONS

    def check(self, request: ModerationRequest) -> None:
        """See `EndpointAdapter`."""
        check_moderation_request(request)

    def media_type(self, _request: ModerationRequest) -> str:
        """See `EndpointAdapter`."""
        return JSON

    def encode(self, request: ModerationRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`. Nothing of a moderation is kept in a prompt cache, so there is nothing to salt."""
        if not all(url.startswith("data:") for _, url in request.images()):
            raise RuntimeError("an image's address would have reached an engine")
        return EngineRequest(encode_for_engine(request, model=model))

    def request_usage(self, request: ModerationRequest, _sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`. The answer has no count: text is estimated, an image has no tokens."""
        return Usage(input_tokens=sum(estimated_tokens(len(text.encode())) or 1 for text in request.texts()))

    def reply(self, raw: bytes, request: ModerationRequest, names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`."""
        return ReplyPart(encode_moderation(decode_moderation(raw), request, model=names.model))
