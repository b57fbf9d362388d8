"""What chat replies and completion replies share: the envelope and the usage."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from domicile_engines.models.smollm2.generation import Event, Finished, PromptCounted, Started


@dataclass
class TokenUsage:
    """Tokens of one request: the prompt counted once, the completions of all choices added up."""

    prompt_tokens: int
    completion_tokens: int = 0
    cached_tokens: int | None = None

    def note(self, event: Event) -> None:
        """Add the tokens that an event reports."""
        if isinstance(event, Started) and self.cached_tokens is None:
            self.cached_tokens = event.cached_tokens
        elif isinstance(event, PromptCounted):
            self.prompt_tokens = event.tokens
        elif isinstance(event, Finished):
            self.completion_tokens += event.completion_tokens

    def as_json(self) -> dict[str, Any]:
        """OpenAI's `usage`."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens or 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }


@dataclass(frozen=True)
class Envelope:
    """The members that every object of one reply shares."""

    model: str
    fingerprint: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def as_json(self, kind: str) -> dict[str, Any]:
        """The shared members. `kind`: the value of `object`."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
        }
