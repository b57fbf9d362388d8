"""What came of requests that bought capacity covered, as counters by the minute (contract C19).

Single requests stay in the region.
"""

from bisect import bisect_left
from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.usage import Minute, Quantity
from domicile.kernel.ids import EntitlementId, RegionCode, WriterId

FIRST_TOKEN_EDGES_MS = tuple(round(10 * 1.1**step) for step in range(93))
"""The upper edges of the histogram of times to the first token: from 10 ms to a minute, each a tenth above the one before."""

FirstTokenBucket = Annotated[int, Meta(ge=0, le=len(FIRST_TOKEN_EDGES_MS))]


class FirstTokens(Struct, frozen=True, forbid_unknown_fields=True):
    """How many answers began in one bucket of the histogram. The last bucket, beyond all edges, has no upper edge."""

    bucket: FirstTokenBucket
    answers: Quantity


class ServiceLevelDelta(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What came of an entitlement's requests in one minute, to be added to that minute's counters."""

    minute: Minute
    entitlement_id: EntitlementId
    requests: Quantity
    failed: Quantity
    """Requests that the platform failed: no engine, a broken answer, a timeout, a restart. Not those that their client left."""
    input_tokens: Quantity
    output_tokens: Quantity
    streamed_tokens: Quantity
    """Tokens of streamed answers after the first piece of each, without hidden ones of reasoning."""
    streaming_milliseconds: Quantity
    """From the first to the last piece of those answers."""
    first_tokens: tuple[FirstTokens, ...]
    """The time to the first piece of each streamed answer, from the request's admission on."""


class ServiceLevelReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of deltas, numbered by its writer in the sequence of its other reports. Each number counts once."""

    region: RegionCode
    writer: WriterId
    number: Annotated[int, Meta(ge=1)]
    deltas: tuple[ServiceLevelDelta, ...]


def first_token_bucket(milliseconds: int) -> int:
    """The bucket of the histogram into which a time falls."""
    return bisect_left(FIRST_TOKEN_EDGES_MS, milliseconds)


def first_token_quantile(answers: dict[int, int], share: float) -> int | None:
    """The time in ms within which this share of the answers began; None without answers. `answers`: by bucket.

    Within its bucket it is interpolated, so it is at most a tenth off. Beyond the last edge it is that edge.
    """
    total = sum(answers.values())
    if not total:
        return None
    wanted, seen = share * total, 0
    for bucket in sorted(answers):
        if seen + answers[bucket] >= wanted:
            if bucket == len(FIRST_TOKEN_EDGES_MS):
                return FIRST_TOKEN_EDGES_MS[-1]
            lower = FIRST_TOKEN_EDGES_MS[bucket - 1] if bucket else 0
            part = (wanted - seen) / answers[bucket]
            return round(lower + part * (FIRST_TOKEN_EDGES_MS[bucket] - lower))
        seen += answers[bucket]
    return FIRST_TOKEN_EDGES_MS[-1]
