"""The transcript of a recording, as the endpoints use it."""

from collections.abc import Iterator
from dataclasses import dataclass

SECONDS_MAX = 3_600
"""Maximum length of a recording. A few megabytes can hold a day of silence; a small CPU can process an hour."""


@dataclass(frozen=True, slots=True)
class TranscriptWord:
    """A word with its leading blank. `start` and `end`: seconds from the start of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class TranscriptSegment:
    """The text between two times, with the model's own measures of its quality.

    `start` and `end`: seconds from the start of the recording.
    """

    start: float
    end: float
    text: str
    words: tuple[TranscriptWord, ...]
    seek: int
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """A transcript in progress: the facts known from the start, and the segments as they are computed."""

    seconds: float
    """The length of the recording."""
    language: str | None
    """Whisper's code. None for a recording without speech when the request names no language."""
    segments: Iterator[TranscriptSegment]
