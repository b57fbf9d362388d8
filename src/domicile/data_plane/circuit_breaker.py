"""When an engine that answers its health probe is left alone all the same: it fails what it is asked.

Closed, every request passes. After three failures in a row, or when half of the last twenty requests failed, it opens and
none passes. After a pause one request is let through: it decides whether the breaker closes or the pause doubles.
"""

from collections import deque
from collections.abc import Callable

FAILURES_IN_A_ROW = 3
WINDOW = 20
FAILED_SHARE = 0.5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Trial:
    """The one request that decides. Told apart from others by being the same object."""


class CircuitBreaker:
    """Of one engine. `monotonic` is the time in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._in_a_row = 0
        self._failed: deque[bool] = deque(maxlen=WINDOW)
        self._open_until: float | None = None
        self._pause_s = FIRST_PAUSE_S
        self._trial: Trial | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is anything but closed."""
        return self._open_until is not None

    def allows(self) -> bool:
        """Whether a request may pass now."""
        if self._open_until is None:
            return True
        return self._trial is None and self._monotonic() >= self._open_until

    def began(self) -> Trial | None:
        """A request passes. Returns what tells it apart if it is the one that decides."""
        if self.is_open and self._trial is None:
            self._trial = Trial()
            return self._trial
        return None

    def ended(self, trial: Trial | None) -> None:
        """A request has ended, whatever was seen of the engine: the client may have left before anything was."""
        if trial is self._trial:
            self._trial = None

    def try_soon(self) -> None:
        """There is news of the engine, such as a restart: the next request may decide."""
        if self._open_until is not None:
            self._open_until = self._monotonic()

    def succeeded(self) -> None:
        """The engine has answered."""
        if self.is_open:
            self._failed.clear()
        self._open_until, self._pause_s, self._in_a_row = None, FIRST_PAUSE_S, 0
        # An answer may go on for an hour after it has begun: it has decided all the same.
        self._trial = None
        self._failed.append(False)

    def failed(self, trial: Trial | None = None, *, at_once: bool = False) -> None:
        """The engine has failed a request. `at_once`: one is enough, as when nobody listens there."""
        self._in_a_row += 1
        self._failed.append(True)
        if self._open_until is not None:
            # Whoever was under way when it opened says nothing new; the trial does.
            if trial is not None and trial is self._trial:
                self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
                self._open_until = self._monotonic() + self._pause_s
        elif at_once or self._in_a_row >= FAILURES_IN_A_ROW or self._share_failed() >= FAILED_SHARE:
            self._open_until = self._monotonic() + self._pause_s

    def _share_failed(self) -> float:
        """Of the last requests; nothing is said of fewer than a whole window."""
        return sum(self._failed) / WINDOW if len(self._failed) == WINDOW else 0.0
