"""Splits a text into passages to score. The heads were trained on single sentences; a long text would dilute one sentence."""

import re
from collections.abc import Sequence

_WORDS_MIN = 6
_WORDS_MAX = 40
_LETTERS_MAX = 400
# The match may start only at the first blank of a run: otherwise a page of blanks takes a minute.
_SENTENCE_END = re.compile(
    r"(?<=[.!?\u2026])[\"')\u201d\u2019]*\s+|(?<![^\S\n])[^\S\n]*+\n\s*|(?<=[\u3002\uff01\uff1f])"
)


def passages(text: str) -> Sequence[str]:
    """A short text whole; otherwise its sentences. Short sentences are joined to the next; long ones are split."""
    if _fits(text):
        return [text]
    found: list[str] = []
    pending = ""
    for portion in (portion for sentence in _SENTENCE_END.split(text) for portion in _portions(sentence)):
        joined = f"{pending} {portion}" if pending else portion
        if not _fits(joined):
            found.append(pending)
            joined = portion
        pending = joined
        if len(pending.split()) >= _WORDS_MIN:
            found.append(pending)
            pending = ""
    if pending:
        found.append(pending)
    return found


def _portions(sentence: str) -> list[str]:
    portions: list[str] = []
    for word in sentence.split():
        for piece in (word[begin : begin + _LETTERS_MAX] for begin in range(0, len(word), _LETTERS_MAX)):
            if portions and _fits(f"{portions[-1]} {piece}"):
                portions[-1] += f" {piece}"
            else:
                portions.append(piece)
    return portions


def _fits(text: str) -> bool:
    return len(text) <= _LETTERS_MAX and len(text.split()) <= _WORDS_MAX
