"""Splits a text into pieces for one model call each: sentences, and long sentences at their pauses."""

import re
from collections.abc import Iterator

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')]*\s+|\n+")
_PAUSES = (re.compile(r"(?<=[;:—])\s+"), re.compile(r"(?<=,)\s+"), re.compile(r"\s+"))


def sentences(text: str) -> Iterator[str]:
    """Yield the text's sentences and lines in order, without the blank ones."""
    for sentence in _SENTENCE_END.split(text):
        if sentence.strip():
            yield sentence.strip()


def pieces(sounds: str, length_max: int) -> Iterator[str]:
    """Split a sentence's sounds into pieces of at most `length_max`, at the strongest pauses that are enough."""
    yield from _cut(sounds, length_max, 0)


def _cut(sounds: str, length_max: int, pause: int) -> Iterator[str]:
    if len(sounds) <= length_max:
        yield sounds
        return
    if pause == len(_PAUSES):
        # A single word longer than `length_max` is cut anywhere; nothing is left out.
        for start in range(0, len(sounds), length_max):
            yield sounds[start : start + length_max]
        return
    gathered = ""
    for part in _PAUSES[pause].split(sounds):
        if len(gathered) + 1 + len(part) <= length_max:
            gathered = f"{gathered} {part}" if gathered else part
            continue
        if gathered:
            yield from _cut(gathered, length_max, pause + 1)
        gathered = part
    if gathered:
        yield from _cut(gathered, length_max, pause + 1)
