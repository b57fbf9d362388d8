"""Counters of what came of requests that bought capacity covered, by entitlement and minute, until the next report."""

from collections import Counter
from dataclasses import dataclass, field

from domicile.boundary.service_levels import FirstTokens, ServiceLevelDelta, first_token_bucket


@dataclass(frozen=True, slots=True)
class ServedAnswer:
    """What came of one request of the scale tier."""

    entitlement_id: str
    at_ms: int
    has_failed: bool
    """By the platform's fault."""
    input_tokens: int
    output_tokens: int
    streamed_tokens: int = 0
    """After the first piece."""
    streaming_ms: int = 0
    first_token_ms: int | None = None
    """None for an answer that was not streamed, or did not begin."""


@dataclass(slots=True)
class _Minute:
    requests: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    streamed_tokens: int = 0
    streaming_ms: int = 0
    first_tokens: Counter[int] = field(default_factory=Counter)


class ServiceLevelCounters:
    """The counters that were not reported yet. In memory: a killed process loses those since its last report."""

    def __init__(self) -> None:
        self._minutes: dict[tuple[int, str], _Minute] = {}

    def __bool__(self) -> bool:
        return bool(self._minutes)

    def add(self, answer: ServedAnswer) -> None:
        """Count one answer."""
        minute = self._minutes.setdefault((answer.at_ms // 60_000, answer.entitlement_id), _Minute())
        minute.requests += 1
        minute.failed += answer.has_failed
        minute.input_tokens += answer.input_tokens
        minute.output_tokens += answer.output_tokens
        minute.streamed_tokens += answer.streamed_tokens
        minute.streaming_ms += answer.streaming_ms
        if answer.first_token_ms is not None:
            minute.first_tokens[first_token_bucket(answer.first_token_ms)] += 1

    def take(self) -> tuple[ServiceLevelDelta, ...]:
        """The counters as deltas. They begin anew."""
        minutes, self._minutes = self._minutes, {}
        return tuple(
            ServiceLevelDelta(
                minute=number,
                entitlement_id=entitlement_id,
                requests=minute.requests,
                failed=minute.failed,
                input_tokens=minute.input_tokens,
                output_tokens=minute.output_tokens,
                streamed_tokens=minute.streamed_tokens,
                streaming_milliseconds=minute.streaming_ms,
                first_tokens=tuple(FirstTokens(*each) for each in sorted(minute.first_tokens.items())),
            )
            for (number, entitlement_id), minute in minutes.items()
        )
