"""Replies of the transcription endpoints: decoded leniently from an engine, encoded strictly for the caller (design 4.6)."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType, field

from domicile.openai_api.lenient import Lenient


def _no_tokens() -> list[int]:
    # msgspec omits a default that the factory `list` itself makes, but the API requires this member.
    return []


class DurationUsage(Lenient, frozen=True, tag_field="type", tag="duration"):
    """Usage as the recording's length in seconds."""

    seconds: float


class InputTokenDetails(Lenient, frozen=True):
    """The input tokens by kind."""

    audio_tokens: int | None = None
    text_tokens: int | None = None


class TokenUsage(Lenient, frozen=True, tag_field="type", tag="tokens"):
    """Usage in tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: InputTokenDetails | None = None


class Logprob(Lenient, frozen=True):
    """A token and its log probability."""

    token: str | None = None
    logprob: float | None = None
    bytes: list[int] | None = None


class LanguageHeard(Lenient, frozen=True):
    """A language detected in the recording, by its code."""

    code: str


class Transcription(Lenient, frozen=True):
    """The reply in the format `json`."""

    text: str
    languages: list[LanguageHeard] | None = None
    logprobs: list[Logprob] | None = None
    usage: DurationUsage | TokenUsage | UnsetType | None = UNSET


class Segment(Lenient, frozen=True):
    """The text between two times, in seconds from the start of the recording."""

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
    """A word and its times, in seconds from the start of the recording."""

    word: str
    start: float
    end: float


class VerboseTranscription(Lenient, frozen=True):
    """The reply in the format `verbose_json`."""

    duration: float
    language: str
    text: str
    segments: list[Segment] | None = None
    words: list[Word] | None = None
    task: Literal["transcribe", "translate"] | None = None
    usage: DurationUsage | UnsetType | None = UNSET


class Translation(Lenient, frozen=True):
    """The English reply in the format `json`."""

    text: str


class VerboseTranslation(Lenient, frozen=True):
    """The English reply in the format `verbose_json`."""

    duration: float
    language: str
    text: str
    segments: list[Segment] | None = None
    task: Literal["transcribe", "translate"] | None = None


class TranscriptDelta(Lenient, frozen=True, tag_field="type", tag="transcript.text.delta"):
    """An event with the next piece of text."""

    delta: str
    logprobs: list[Logprob] | None = None


class TranscriptDone(Lenient, frozen=True, tag_field="type", tag="transcript.text.done"):
    """The last event of a stream, with the whole text."""

    text: str
    languages: list[LanguageHeard] | None = None
    logprobs: list[Logprob] | None = None
    usage: DurationUsage | TokenUsage | UnsetType | None = UNSET


class Measured(Lenient, frozen=True):
    """The members of a reply that tell the recording's length."""

    duration: float | None = None
    usage: DurationUsage | TokenUsage | None = None


_EVENT: msgspec.json.Decoder[TranscriptDelta | TranscriptDone] = msgspec.json.Decoder(TranscriptDelta | TranscriptDone)
_MEASURED = msgspec.json.Decoder(Measured)


def decode_event(data: bytes) -> TranscriptDelta | TranscriptDone:
    """Decode the data of one event of an engine's stream. Raises ValueError."""
    return _EVENT.decode(data)


def encode_event(event: TranscriptDelta | TranscriptDone) -> bytes:
    """Encode one event for the caller. A usage that is not in tokens is left out, as the specification requires."""
    if isinstance(event, TranscriptDone) and not isinstance(event.usage, TokenUsage):
        event = msgspec.structs.replace(event, usage=UNSET)
    return msgspec.json.encode(event)


def seconds_in(data: bytes) -> float | None:
    """The recording's length in seconds, as the engine's reply tells it. None if it does not. Raises ValueError."""
    measured = _MEASURED.decode(data)
    if isinstance(measured.usage, DurationUsage):
        return measured.usage.seconds
    return measured.duration


def shown_transcription(data: bytes, *, verbose: bool) -> bytes:
    """Re-encode an engine's JSON reply for the caller. Raises ValueError for an invalid reply."""
    if verbose:
        reply: VerboseTranscription | Transcription = msgspec.json.decode(data, type=VerboseTranscription)
    else:
        reply = msgspec.json.decode(data, type=Transcription)
    return msgspec.json.encode(msgspec.structs.replace(reply, usage=reply.usage or UNSET))


def shown_translation(data: bytes, *, verbose: bool) -> bytes:
    """Re-encode an engine's JSON reply to a translation. Raises ValueError for an invalid reply."""
    return msgspec.json.encode(msgspec.json.decode(data, type=VerboseTranslation if verbose else Translation))
