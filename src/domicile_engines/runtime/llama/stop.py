"""Finds stop sequences across pieces of text. No part of a stop sequence is sent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


def stop_sequences(given: str | Sequence[str] | None) -> list[str]:
    """The request's `stop` as a list, without empty sequences, which would match everywhere."""
    return [sequence for sequence in ([given] if isinstance(given, str) else given or []) if sequence]


@dataclass(frozen=True)
class Released:
    """Text that cannot be part of a stop sequence any more, with the log probabilities of its tokens."""

    text: str
    logprobs: list[dict[str, Any]] = field(default_factory=list)


class StopMatcher:
    """Holds back only the text that may be the beginning of a stop sequence."""

    def __init__(self, sequences: Sequence[str]) -> None:
        """`sequences`: non-empty stop sequences, as from `stop_sequences`."""
        self._sequences = sequences
        self._held: list[Released] = []
        self.found = False

    def feed(self, text: str, logprobs: list[dict[str, Any]]) -> Released:
        """Add a piece and return the text that may be sent. Drops everything from a stop sequence on."""
        if self.found:
            return Released("")
        if not self._sequences:
            return Released(text, logprobs)
        self._held.append(Released(text, logprobs))
        held = "".join(piece.text for piece in self._held)
        begins = [place for sequence in self._sequences if (place := held.find(sequence)) >= 0]
        if begins:
            self.found = True
            return self._release(min(begins))
        return self._release(len(held) - self._longest_possible_beginning(held))

    def finish(self) -> Released:
        """End the text and return the text held back, which was not a stop sequence."""
        return Released("") if self.found else self._release(sum(len(piece.text) for piece in self._held))

    def _longest_possible_beginning(self, held: str) -> int:
        return max(_overlap(held, sequence) for sequence in self._sequences)

    def _release(self, length: int) -> Released:
        """Release the first `length` characters. A token's log probabilities go with its first character."""
        text, logprobs, rest = "", [], []
        for piece in self._held:
            room = length - len(text)
            if room <= 0:
                rest.append(piece)
                continue
            text += piece.text[:room]
            logprobs += piece.logprobs
            if len(piece.text) > room:
                rest.append(Released(piece.text[room:]))
        self._held = rest
        return Released(text, logprobs)


def _overlap(held: str, sequence: str) -> int:
    lengths: Iterable[int] = range(min(len(held), len(sequence) - 1), 0, -1)
    return next((length for length in lengths if held.endswith(sequence[:length])), 0)
