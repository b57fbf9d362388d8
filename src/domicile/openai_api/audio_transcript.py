"""The answers of the transcription endpoints: read leniently from an engine, written strictly to the caller (design 4.6)."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from domicile.openai_api.lenient import Lenient


def _no_tokens() -> list[int]:
    # `list` itself as a factory makes a default that is left out.
    return []


class DurationUsage(Lenient, frozen=True, tag_field="type", tag="duration"):
    """Seconds heard."""

    seconds: float


class InputTokenDetails(Lenient, frozen=True):
    """Of the tokens heard."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


class TokenUsage(Lenient, frozen=True, tag_field="type", tag="tokens"):
    """Tokens heard and written."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: InputTokenDetails | None = None


class Logprob(Lenient, frozen=True):
    """A token and its probability."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None


class LanguageHeard(Lenient, frozen=True):
    """A language, by its code."""

    code: str


class Transcription(Lenient, frozen=True):
    """What was said."""

    text: str
    languages: list[LanguageHeard] | None = None
    logprobs: list[Logprob] | None = None
    usage: DurationUsage | TokenUsage | UnsetType | None = UNSET


class Segment(Lenient, frozen=True):
    """What was said between two times, in seconds."""

    start: float
    end: float
    text: str
    id: int = field(default_factory=int)
    seek: int = field(default_factory=int)
    tokens: list[int] = field(default_factory=_no_tokens)
    temperature: float = field(default_factory=float)
    avg_logprob: float = field(default_factory=float)
    compression_ratio: float = field(default_factory=float)
    no_speech_prob: float = field(default_factory=float)


class Word(Lenient, frozen=True):
    """A word and its times, in seconds."""

    word: str
    start: float
    end: float


class VerboseTranscription(Lenient, frozen=True):
    """What was said, and all that is known about it."""

    duration: float
    language: str
    text: str
    segments: list[Segment] | None = None
    words: list[Word] | None = None
    task: Literal["transcribe", "translate"] | None = None
    usage: DurationUsage | UnsetType | None = UNSET


class Translation(Lenient, frozen=True):
    """What was said, in English."""

    text: str


class VerboseTranslation(Lenient, frozen=True):
    """The same, and all that is known about it."""

    duration: float
    language: str
    text: str
    segments: list[Segment] | None = None
    task: Literal["transcribe", "translate"] | None = None


class TranscriptDelta(Lenient, frozen=True, tag_field="type", tag="transcript.text.delta"):
    """What was just written down."""

    delta: str
    logprobs: list[Logprob] | None = None


class TranscriptDone(Lenient, frozen=True, tag_field="type", tag="transcript.text.done"):
    """All of it."""

    text: str
    languages: list[LanguageHeard] | None = None
    logprobs: list[Logprob] | None = None
    usage: DurationUsage | TokenUsage | UnsetType | None = UNSET


class Measured(Lenient, frozen=True):
    """So much of an answer as tells how long the recording was."""

    duration: float | None = None
    usage: DurationUsage | TokenUsage | None = None


_EVENT: msgspec.json.Decoder[TranscriptDelta | TranscriptDone] = msgspec.json.Decoder(TranscriptDelta | TranscriptDone)
_MEASURED = msgspec.json.Decoder(Measured)


def decode_event(data: bytes) -> TranscriptDelta | TranscriptDone:
    """The data of one event of an engine's stream. Raises ValueError."""
    return _EVENT.decode(data)


def encode_event(event: TranscriptDelta | TranscriptDone) -> bytes:
    """One event's data for the caller. The specification counts its last event in tokens only."""
    if isinstance(event, TranscriptDone) and not isinstance(event.usage, TokenUsage):
        event = msgspec.structs.replace(event, usage=UNSET)
    return msgspec.json.encode(event)


def seconds_in(data: bytes) -> float | None:
    """How long the recording was by the engine's own count; None when it says nothing of it. Raises ValueError."""
    measured = _MEASURED.decode(data)
    if isinstance(measured.usage, DurationUsage):
        return measured.usage.seconds
    return measured.duration


def shown_transcription(data: bytes, *, verbose: bool) -> bytes:
    """An engine's JSON answer as the caller sees it. Raises ValueError."""
    if verbose:
        reply: VerboseTranscription | Transcription = msgspec.json.decode(data, type=VerboseTranscription)
    else:
        reply = msgspec.json.decode(data, type=Transcription)
    return msgspec.json.encode(msgspec.structs.replace(reply, usage=reply.usage or UNSET))


def shown_translation(data: bytes, *, verbose: bool) -> bytes:
    """The same of a translation. Raises ValueError."""
    return msgspec.json.encode(msgspec.json.decode(data, type=VerboseTranslation if verbose else Translation))
