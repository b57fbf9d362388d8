"""OpenAI's headers of rate limits, on answers and on refusals."""

import math

from domicile.kernel.rate_limits import RateLimitStanding


def rate_limit_headers(standing: RateLimitStanding) -> dict[str, str]:
    """`x-ratelimit-{limit,remaining,reset}-{requests,tokens}`. Resets are durations in Go's form, such as `6m0s`."""
    headers: dict[str, str] = {}
    for name, limit in (("requests", standing.requests), ("tokens", standing.tokens)):
        if limit is not None:
            headers[f"x-ratelimit-limit-{name}"] = str(limit.limit)
            headers[f"x-ratelimit-remaining-{name}"] = str(limit.remaining)
            headers[f"x-ratelimit-reset-{name}"] = go_duration(limit.reset_s)
    return headers


def go_duration(seconds: float) -> str:
    """A duration as Go's `time.Duration` prints it, in whole milliseconds: `12ms`, `1.5s`, `6m0s`, `23h59m59s`."""
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds > 0 else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{minutes}m{text}"
        if hours:
            text = f"{hours}h{text}"
    return text
