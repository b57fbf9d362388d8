"""A text cut into what the model says in one go: sentences, and long ones at their pauses."""

import re
from collections.abc import Iterator

_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')]*\s+|\n+")
_PAUSES = (re.compile(r"(?<=[;:—])\s+"), re.compile(r"(?<=,)\s+"), re.compile(r"\s+"))


def sentences(text: str) -> Iterator[str]:
    """The text's sentences and lines, in order; blank ones are left out."""
    for sentence in _SENTENCE_END.split(text):
        if sentence.strip():
            yield sentence.strip()


def pieces(sounds: str, length_max: int) -> Iterator[str]:
    """The sounds of a sentence in pieces of at most `length_max`, cut at the strongest pauses that suffice."""
    yield from _cut(sounds, length_max, 0)


def _cut(sounds: str, length_max: int, pause: int) -> Iterator[str]:
    if len(sounds) <= length_max:
        yield sounds
        return
    if pause == len(_PAUSES):
        # One word that long is no word; but nothing of it is left out.
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
