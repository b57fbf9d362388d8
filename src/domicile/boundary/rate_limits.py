"""Rate limits of a project's own. They go down in the snapshot, and may only be lower than the catalogue's (contract C19)."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from domicile.boundary.usage import ModelSnapshot
from domicile.catalogue.rate_limits import Limit, RateLimits

LIMIT_NAMES = RateLimits.__struct_fields__


class ProjectRateLimit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a project may use of one model. None: what the catalogue says."""

    model: ModelSnapshot
    requests_per_minute: Limit | None = None
    tokens_per_minute: Limit | None = None
    requests_per_day: Limit | None = None
    images_per_minute: Limit | None = None
    audio_megabytes_per_minute: Limit | None = None
    batch_queue_tokens: Limit | None = None


_LIMITS = msgspec.json.Decoder(tuple[ProjectRateLimit, ...])


def encode_rate_limits(limits: tuple[ProjectRateLimit, ...]) -> str:
    """The limits as JSON, for a column."""
    return msgspec.json.encode(limits).decode()


def decode_rate_limits(column: str) -> tuple[ProjectRateLimit, ...]:
    """The limits in the column. Raises `msgspec.MsgspecError`."""
    return _LIMITS.decode(column)


def effective_rate_limits(own: Iterable[ProjectRateLimit], model: str, catalogue: RateLimits) -> RateLimits:
    """The limits in force for a project and model: of its own and the catalogue's, the lower one of each kind."""
    for limit in own:
        if limit.model == model:
            lower = {name: _lower(getattr(limit, name), getattr(catalogue, name)) for name in LIMIT_NAMES}
            return msgspec.convert(lower, RateLimits)
    return catalogue


def _lower(own: int | None, catalogue: int | None) -> int | None:
    if own is None or catalogue is None:
        return catalogue if own is None else own
    return min(own, catalogue)
