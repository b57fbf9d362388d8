"""Moderations (contract C23)."""

from dataclasses import dataclass

from domicile.boundary.usage import Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import JSON, ReplyNames, ReplyPart, estimated_tokens
from domicile.data_plane.limits.demand import Demand
from domicile.openai_api.moderations import (
    ModerationRequest,
    check_moderation_request,
    decode_moderation,
    encode_for_engine,
    encode_moderation,
)


class ModerationsAdapter:
    """The `EndpointAdapter` of moderations."""

    endpoint = Endpoint.MODERATIONS

    def check(self, request: ModerationRequest) -> None:
        """Check the number and kind of inputs. Raises 400 with the input at fault."""
        check_moderation_request(request)

    def media_type(self, _request: ModerationRequest) -> str:
        """`application/json`."""
        return JSON

    def encode(self, request: ModerationRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON, without the salt: moderations use no prompt cache. Raises RuntimeError for an image URL.

        Policy refuses URLs or fetches them earlier; the check guards against a defect there.
        """
        if not all(url.startswith("data:") for _, url in request.images()):
            raise RuntimeError("an image's address would have reached an engine")
        return EngineRequest(encode_for_engine(request, model=model))

    def demand(self, request: ModerationRequest, _model: ModelEntry, _body_bytes: int) -> Demand:
        """Tokens of the texts. Images have none."""
        return Demand(_tokens(request))

    def request_usage(self, request: ModerationRequest, _sent: EngineRequest) -> Usage:
        """Tokens estimated from the texts, at least one each. The reply has no count, and images have no tokens."""
        return Usage(input_tokens=_tokens(request))

    def begin(self, request: ModerationRequest, names: ReplyNames) -> "_ModerationsReader":
        """A reader of the results."""
        return _ModerationsReader(request, names)


def _tokens(request: ModerationRequest) -> int:
    return sum(estimated_tokens(len(text.encode())) or 1 for text in request.texts())


@dataclass(frozen=True, slots=True)
class _ModerationsReader:
    request: ModerationRequest
    names: ReplyNames

    def reply(self, raw: bytes) -> ReplyPart:
        return ReplyPart(encode_moderation(decode_moderation(raw), self.request, model=self.names.model))
