"""A speech request as this engine reads it."""

import math
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from domicile_engines.models.kokoro.voices import KOKORO_VOICES
from domicile_engines.runtime.errors import invalid, other_model
from domicile_engines.runtime.json_request import read_request

MODEL_ID = "kokoro-82m"
INPUT_CHARACTERS_MAX = 4096

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
_NOT_SERVED = {"instructions": "This model cannot be told how to speak; choose another voice."}


class SpeechRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be said, by whom, and in which form."""

    model: str
    input: Annotated[str, Meta(max_length=INPUT_CHARACTERS_MAX)]
    voice: Any
    response_format: Format = "mp3"
    speed: Annotated[float, Meta(ge=0.25, le=4)] = 1.0
    stream_format: Literal["audio", "sse"] = "audio"


def decode(body: bytes) -> SpeechRequest:
    """The request, or a refusal that names the member at fault."""
    request = read_request(body, SpeechRequest, _NOT_SERVED)
    if request.model != MODEL_ID:
        raise other_model(MODEL_ID)
    if not isinstance(request.voice, str) or request.voice not in KOKORO_VOICES:
        raise invalid(f"'voice' must be one of: {', '.join(KOKORO_VOICES)}.", "voice")
    if not math.isfinite(request.speed):
        raise invalid("'speed' must be a number.", "speed")
    if not request.input.strip():
        raise invalid("'input' must hold text.", "input")
    return request
