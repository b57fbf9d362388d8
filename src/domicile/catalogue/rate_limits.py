"""The rate limits of a model for each project, the same in every region (contract C19)."""

from typing import Annotated

from msgspec import Meta, Struct

Limit = Annotated[int, Meta(ge=1, le=2**40)]


class RateLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """OpenAI's limits of a project and model. None: no such limit."""

    requests_per_minute: Limit = 10_000
    tokens_per_minute: Limit | None = 10_000_000
    requests_per_day: Limit | None = None
    images_per_minute: Limit | None = None
    audio_megabytes_per_minute: Limit | None = None
    """Of 1,000,000 bytes."""
    batch_queue_tokens: Limit | None = None
    """Of input, in the batches that have not ended. OpenAI names it `batch_1_day_max_input_tokens`."""
