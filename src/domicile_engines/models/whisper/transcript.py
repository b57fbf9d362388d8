"""What was heard, as the endpoints see it."""

from collections.abc import Iterator
from dataclasses import dataclass

SECONDS_MAX = 3_600
"""Of a recording. A few megabytes can hold a day of silence; an hour is what a small CPU can work through."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the blank before it; times are seconds from the recording's beginning, here and below."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said between two times, and the figures by which the model judged it."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    seek: int
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is known before the first word is written, and the words as they come."""

    seconds: float
    language: str | None
    """Whisper's code; None where nobody speaks and nobody said which language it would be."""
    segments: Iterator[Segment]
