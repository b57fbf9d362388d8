"""Splits a batch's input into lines, without ever holding more than one line and one piece."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InputLine:
    """A line that is not blank."""

    number: int
    """Counted from 1. Blank lines count."""
    offset: int
    """Where it begins in the input, in bytes."""
    end: int
    """Where the next line begins."""
    text: bytes | None
    """Without its end and a byte order mark. None where it is longer than a line may be."""


class LineSplitter:
    """Takes the input piece by piece. Lines end with LF or CRLF, the last one also with the input."""

    def __init__(self, *, line_bytes_max: int, number: int = 1, offset: int = 0) -> None:
        """`number` and `offset`: of the first line, where the input is not read from its beginning."""
        self._line_bytes_max = line_bytes_max
        self._number = number
        self._offset = offset
        self._held = bytearray()
        self._length = 0

    def feed(self, piece: bytes) -> Iterator[InputLine]:
        """Yield the lines that end in this piece."""
        *ended, rest = piece.split(b"\n")
        for part in ended:
            self._take(part)
            yield from self._line(self._length + 1)
        self._take(rest)

    def end(self) -> Iterator[InputLine]:
        """Yield the last line, where nothing ends it."""
        yield from self._line(self._length)

    def _take(self, part: bytes) -> None:
        self._length += len(part)
        if self._length <= self._line_bytes_max:
            self._held += part
        else:
            self._held.clear()

    def _line(self, length: int) -> Iterator[InputLine]:
        text = bytes(self._held) if self._length <= self._line_bytes_max else None
        if text is not None and self._offset == 0:
            text = text.removeprefix(codecs.BOM_UTF8)
        if text is None or text.strip():
            stripped = None if text is None else text.strip()
            yield InputLine(self._number, self._offset, self._offset + length, stripped)
        self._number += 1
        self._offset += length
        self._held.clear()
        self._length = 0


def lines_of(content: bytes, *, number: int, offset: int) -> list[InputLine]:
    """The lines of a part of the input that begins and ends with a line."""
    splitter = LineSplitter(line_bytes_max=len(content), number=number, offset=offset)
    return [*splitter.feed(content), *splitter.end()]
