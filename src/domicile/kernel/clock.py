"""Time as an argument, so that tests decide what time it is."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time. Durations inside one process use `time.monotonic`, never this."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC."""
        return time.time_ns() // 1_000_000


def seconds(milliseconds: int) -> int:
    """Whole seconds of a time in milliseconds: what the OpenAI API shows as `created_at`."""
    return milliseconds // 1000
