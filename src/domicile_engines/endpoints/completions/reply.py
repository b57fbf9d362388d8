"""OpenAI's shape of completions: a `text_completion`, whole or as a chunk of a stream."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from domicile_engines.endpoints.generated import Envelope, TokenUsage
from domicile_engines.models.smollm2.generation import Event, Finished, Started, Text

KIND = "text_completion"


class Logprobs:
    """Log probabilities of one completion's tokens, in the four parallel lists of this API."""

    def __init__(self, alternatives: int) -> None:
        """`alternatives`: how many tokens to show at each position, beside the chosen one."""
        self._alternatives = alternatives
        self._offset = 0

    def of(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        """The lists for the next part of the text. Offsets are characters from the start of the generated text."""
        offsets, shown = [], []
        for entry in entries:
            offsets.append(self._offset)
            self._offset += len(entry["token"])
            others = {other["token"]: other["logprob"] for other in entry["top_logprobs"][: self._alternatives]}
            shown.append(others | {entry["token"]: entry["logprob"]})
        return {
            "text_offset": offsets,
            "token_logprobs": [entry["logprob"] for entry in entries],
            "tokens": [entry["token"] for entry in entries],
            "top_logprobs": shown,
        }


@dataclass
class GeneratedCompletion:
    """One completion, built from its events."""

    index: int
    text: str
    logprobs: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str = ""

    def note(self, event: Event) -> None:
        """Add an event to the completion."""
        if isinstance(event, Text):
            self.text += event.text
            self.logprobs += event.logprobs
        elif isinstance(event, Finished):
            self.finish_reason = event.reason

    def as_json(self, alternatives: int | None) -> dict[str, Any]:
        """The finished completion. `alternatives`: tokens to show at each position; None leaves out log probabilities."""
        logprobs = None if alternatives is None else Logprobs(alternatives).of(self.logprobs)
        return _choice(self.index, self.text, logprobs, self.finish_reason)


class BatchUsage:
    """Usage of a request with several prompts: each prompt counts once, all completions add up."""

    def __init__(self, prompt_tokens: int, for_each_prompt: int) -> None:
        """`prompt_tokens`: tokens of all prompts together. `for_each_prompt`: completions of each prompt."""
        self._usage = TokenUsage(prompt_tokens)
        self._for_each_prompt = for_each_prompt
        self._cached: dict[int, int] = {}

    def note(self, index: int, event: Event) -> None:
        """Add the tokens that an event of completion `index` reports."""
        if isinstance(event, Started):
            self._cached.setdefault(index // self._for_each_prompt, event.cached_tokens)
        else:
            self._usage.note(event)

    def as_json(self) -> dict[str, Any]:
        """OpenAI's `usage`."""
        self._usage.cached_tokens = sum(self._cached.values())
        return self._usage.as_json()


def whole(
    envelope: Envelope, completions: list[GeneratedCompletion], usage: BatchUsage, alternatives: int | None
) -> dict[str, Any]:
    """A whole reply: the `text_completion` object with all completions."""
    return {
        **envelope.as_json(KIND),
        "choices": [completion.as_json(alternatives) for completion in completions],
        "usage": usage.as_json(),
    }


class CompletionChunks:
    """Builds the chunks of one streamed reply. A chunk has the shape of a whole reply."""

    def __init__(
        self, envelope: Envelope, echoes: Sequence[str], *, alternatives: int | None, include_usage: bool
    ) -> None:
        """`echoes`: the text that each completion begins with; empty without `echo`."""
        self._common = envelope.as_json(KIND)
        self._echoes = echoes
        self._logprobs = None if alternatives is None else [Logprobs(alternatives) for _ in echoes]
        self._usage: dict[str, Any] = {"usage": None} if include_usage else {}

    def of(self, index: int, event: Event) -> dict[str, Any] | None:
        """The chunk for an event. None for an event that has no chunk."""
        if isinstance(event, Finished):
            return self._chunk(_choice(index, "", None, event.reason))
        if isinstance(event, Text):
            logprobs = None if self._logprobs is None else self._logprobs[index].of(event.logprobs)
            return self._chunk(_choice(index, event.text, logprobs, None))
        if isinstance(event, Started) and self._echoes[index]:
            return self._chunk(_choice(index, self._echoes[index], None, None))
        return None

    def usage(self, usage: BatchUsage) -> dict[str, Any]:
        """The last chunk, sent when the request sets `stream_options.include_usage`."""
        return {**self._common, "choices": [], "usage": usage.as_json()}

    def _chunk(self, choice: dict[str, Any]) -> dict[str, Any]:
        return {**self._common, "choices": [choice], **self._usage}


def _choice(index: int, text: str, logprobs: dict[str, Any] | None, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}
