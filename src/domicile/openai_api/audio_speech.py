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
    """All that a caller may say."""

    input: Annotated[str, Meta(max_length=4096)]
    voice: str | CustomVoice
    instructions: Annotated[str, Meta(max_length=4096)] | None = None
    response_format: Format | None = None
    speed: Annotated[float, Meta(ge=0.25, le=4)] | None = None
    stream_format: Literal["sse", "audio"] | None = None

    @property
    def as_events(self) -> bool:
        """Whether the sound is asked for as server-sent events."""
        return self.stream_format == "sse"

    @property
    def media_type(self) -> str:
        """Of the sound itself."""
        return MEDIA_TYPES[self.response_format or "mp3"]


class SpeechUsage(Lenient, frozen=True):
    """Tokens read and spoken."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class SpeechDelta(Lenient, frozen=True, tag_field="type", tag="speech.audio.delta"):
    """A piece of the sound, in base64."""

    audio: str


class SpeechDone(Lenient, frozen=True, tag_field="type", tag="speech.audio.done"):
    """There is no more."""

    usage: SpeechUsage


_EVENT = msgspec.json.Decoder(SpeechDelta | SpeechDone)


def check_speech_request(request: SpeechRequest) -> None:
    """The rules that types cannot say. Raises `DomicileError` 400 with the member at fault."""
    if not request.input.strip():
        raise errors.invalid_value("'input' must hold text.", "input")
    if isinstance(request.voice, CustomVoice):
        raise errors.invalid_value("Custom voices are not kept here: name one of the voices by a string.", "voice")
    if request.speed is not None and not math.isfinite(request.speed):
        raise errors.invalid_value("'speed' must be a number between 0.25 and 4.", "speed")


def encode_for_engine(request: SpeechRequest, *, model: str) -> bytes:
    """The bytes for an engine: what was read, with the engine's own name for the model."""
    return msgspec.json.encode(msgspec.structs.replace(request, model=model))


def shown_event(data: bytes) -> bytes:
    """The data of one event of an engine's stream, for the caller. Raises ValueError."""
    return msgspec.json.encode(_EVENT.decode(data))
