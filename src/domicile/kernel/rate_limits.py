"""Where a caller stands at the limits of requests and tokens: what each answer says of them."""

from msgspec import Struct


class LimitStanding(Struct, frozen=True, gc=False):
    """One limit: its value, what is left of it, and in how many seconds it is full again."""

    limit: int
    remaining: int
    reset_s: float


class RateLimitStanding(Struct, frozen=True):
    """The limits of requests and tokens in a minute. None for one that the model does not have."""

    requests: LimitStanding
    tokens: LimitStanding | None
