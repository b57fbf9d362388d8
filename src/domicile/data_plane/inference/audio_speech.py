"""Speech (contract C22): text goes in, sound comes back as it is made, and characters are what is counted."""

from domicile.boundary.usage import Usage
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import EVENT_STREAM, ReplyNames, ReplyPart
from domicile.openai_api.audio_speech import SpeechRequest, check_speech_request, encode_for_engine, shown_event


class SpeechAdapter:
    """See `StreamingEndpointAdapter`."""

    endpoint = Endpoint.AUDIO_SPEECH

    def check(self, request: SpeechRequest) -> None:
        """See `EndpointAdapter`."""
        check_speech_request(request)

    def media_type(self, request: SpeechRequest) -> str:
        """See `EndpointAdapter`."""
        return EVENT_STREAM if request.as_events else request.media_type

    def encode(self, request: SpeechRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """See `EndpointAdapter`."""
        return EngineRequest(encode_for_engine(request, model=model))

    def request_usage(self, request: SpeechRequest, sent: EngineRequest) -> Usage:
        """See `EndpointAdapter`. The text is all that is counted, and no engine counts characters."""
        return Usage(characters=len(request.input))

    def reply(self, raw: bytes, _request: SpeechRequest, _names: ReplyNames) -> ReplyPart:
        """See `EndpointAdapter`."""
        return ReplyPart(raw)

    def is_raw(self, request: SpeechRequest) -> bool:
        """See `StreamingEndpointAdapter`."""
        return not request.as_events

    def piece(self, data: bytes, request: SpeechRequest, _names: ReplyNames) -> ReplyPart:
        """See `StreamingEndpointAdapter`."""
        return ReplyPart(b"data: " + shown_event(data) + b"\n\n") if request.as_events else ReplyPart(data)

    def end(self, _request: SpeechRequest) -> bytes:
        """See `StreamingEndpointAdapter`. The last event says that it is the last, and sound just ends."""
        return b""
