"""Stop sequences: found across pieces, never shown, not even their first letters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


def stop_sequences(given: str | Sequence[str] | None) -> list[str]:
    """What a request gives as `stop`. An empty sequence would match everywhere and means nothing."""
    return [sequence for sequence in ([given] if isinstance(given, str) else given or []) if sequence]


@dataclass(frozen=True)
class Released:
    """Text that no stop sequence can claim any more, with the log probabilities of its tokens."""

    text: str
    logprobs: list[dict[str, Any]] = field(default_factory=list)


class StopMatcher:
    """Holds back just what could still turn out to be the beginning of a stop sequence."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = sequences
        self._held: list[Released] = []
        self.found = False

    def feed(self, text: str, logprobs: list[dict[str, Any]]) -> Released:
        """Take a piece, give what may be shown. Once a sequence was found, everything after it is dropped."""
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
        """The text has ended: what was held back was not a stop sequence after all."""
        return Released("") if self.found else self._release(sum(len(piece.text) for piece in self._held))

    def _longest_possible_beginning(self, held: str) -> int:
        return max(_overlap(held, sequence) for sequence in self._sequences)

    def _release(self, length: int) -> Released:
        """Cut the held pieces at `length`; a token belongs to the side where its text begins."""
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
