"""Speech (contract C22): text in, sound out, streamed while the engine makes it. Usage is counted in characters."""

from dataclasses import dataclass

from domicile.boundary.usage import Usage
from domicile.catalogue.catalogue import ModelEntry
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.engines.port import EngineRequest
from domicile.data_plane.inference.adapter import EVENT_STREAM, ReplyNames, ReplyPart, event
from domicile.data_plane.limits.demand import NOTHING, Demand
from domicile.openai_api.audio_speech import SpeechRequest, check_speech_request, encode_for_engine, shown_event


class SpeechAdapter:
    """The `StreamingEndpointAdapter` of speech."""

    endpoint = Endpoint.AUDIO_SPEECH

    def check(self, request: SpeechRequest) -> None:
        """Check text, voice and speed."""
        check_speech_request(request)

    def media_type(self, request: SpeechRequest) -> str:
        """`text/event-stream` if the caller asked for events, else the sound's own type."""
        return EVENT_STREAM if request.as_events else request.media_type

    def encode(self, request: SpeechRequest, *, model: str, cache_salt: str | None) -> EngineRequest:
        """Encode as JSON. The salt is dropped: speech uses no prompt cache."""
        return EngineRequest(encode_for_engine(request, model=model))

    def demand(self, _request: SpeechRequest, _model: ModelEntry, _body_bytes: int) -> Demand:
        """Nothing but the request itself: no limit counts characters."""
        return NOTHING

    def request_usage(self, request: SpeechRequest, sent: EngineRequest) -> Usage:
        """The characters of the text. This is the whole count: no engine reports characters."""
        return Usage(characters=len(request.input))

    def is_raw(self, request: SpeechRequest) -> bool:
        """True unless the caller asked for events."""
        return not request.as_events

    def begin(self, request: SpeechRequest, _names: ReplyNames) -> "_SpeechReader":
        """A reader of sound bytes or of speech events."""
        return _SpeechReader(request.as_events)


@dataclass(frozen=True, slots=True)
class _SpeechReader:
    as_events: bool

    def reply(self, raw: bytes) -> ReplyPart:
        return ReplyPart(raw)

    def piece(self, data: bytes) -> ReplyPart:
        return ReplyPart(event(shown_event(data)) if self.as_events else data)

    def end(self) -> bytes:
        """Empty: speech streams have no `[DONE]`."""
        return b""
