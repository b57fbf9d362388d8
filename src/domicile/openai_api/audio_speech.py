"""POST /v1/audio/speech: the request, closed, and its events (`CreateSpeechRequest`, OpenAI's specification 2.3.0)."""

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domicile.kernel import errors
from domicile.openai_api.chat import CustomVoice
from domicile.openai_api.closed import ModelRequest
from domicile.openai_api.lenient import Lenient

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class SpeechRequest(ModelRequest, frozen=True, kw_only=True):
    """The request, with every member that the API allows."""

    input: Annotated[str, Meta(max_length=4096)]
    voice: str | CustomVoice
    instructions: Annotated[str, Meta(max_length=4096)] | None = None
    response_format: Format | None = None
    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None
    stream_format: Literal["sse", "audio"] | None = None

    @property
    def as_events(self) -> bool:
        """Whether the caller wants the audio as server-sent events."""
        return self.stream_format == "sse"

    @property
    def media_type(self) -> str:
        """The media type of the audio."""
        return MEDIA_TYPES[self.response_format or "mp3"]


class SpeechUsage(Lenient, frozen=True):
    """The tokens of the input and of the audio."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class SpeechDelta(Lenient, frozen=True, tag_field="type", tag="speech.audio.delta"):
    """An event with a piece of the audio, in base64."""

    audio: str


class SpeechDone(Lenient, frozen=True, tag_field="type", tag="speech.audio.done"):
    """The last event of a stream."""

    usage: SpeechUsage


_EVENT = msgspec.json.Decoder(SpeechDelta | SpeechDone)


def check_speech_request(request: SpeechRequest) -> None:
    """Check the rules that types cannot express. Raises `DomicileError` 400 that names the member."""
    if not request.input.strip():
        raise errors.invalid_value("'input' must not be empty.", "input")
    if isinstance(request.voice, CustomVoice):
        raise errors.invalid_value("Custom voices are not supported: set 'voice' to the name of a voice.", "voice")
    if request.speed is not None and not math.isfinite(request.speed):
        raise errors.invalid_value("'speed' must be a number between 0.25 and 4.", "speed")


def encode_for_engine(request: SpeechRequest, *, model: str) -> bytes:
    """Encode the parsed request for an engine. `model`: the engine's own name for the model."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model))


def shown_event(data: bytes) -> bytes:
    """Re-encode one event of an engine's stream for the caller. Raises ValueError for an invalid event."""
    return msgspec.json.encode(_EVENT.decode(data))
