"""A circuit breaker, for an engine that answers its health probe but fails requests.

Closed: every request passes. Three failures in a row, or ten among the last twenty requests, open it. Open: no request passes
until a pause is over. Then one request passes as a trial. If it succeeds the breaker closes, else the pause doubles.
"""

from collections import deque
from collections.abc import Callable

FAILURES_IN_A_ROW = 3
WINDOW = 20
FAILED_SHARE = 0.5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Trial:
    """Identifies the trial request. Compared by identity."""


class CircuitBreaker:
    """The circuit breaker of one engine. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._in_a_row = 0
        self._failed: deque[bool] = deque(maxlen=WINDOW)
        self._open_until: float | None = None
        self._pause_s = FIRST_PAUSE_S
        self._trial: Trial | None = None

    @property
    def is_open(self) -> bool:
        """Whether the breaker is open, also while a trial runs."""
        return self._open_until is not None

    def allows(self) -> bool:
        """Whether a request may pass now, an ordinary one or a trial."""
        if self._open_until is None:
            return True
        return self._trial is None and self._monotonic() >= self._open_until

    def began(self) -> Trial | None:
        """Record that a request passes. Returns a `Trial` if this request is the trial, else None."""
        if self.is_open and self._trial is None:
            self._trial = Trial()
            return self._trial
        return None

    def ended(self, trial: Trial | None) -> None:
        """Record the end of a request. A trial may end without a result, if the client left; then the next one is the trial."""
        if trial is self._trial:
            self._trial = None

    def try_soon(self) -> None:
        """End the pause now, for instance because the engine was restarted. The next request is the trial."""
        if self._open_until is not None:
            self._open_until = self._monotonic()

    def succeeded(self) -> None:
        """Record an answer, which closes the breaker."""
        if self.is_open:
            self._failed.clear()
        self._open_until, self._pause_s, self._in_a_row = None, FIRST_PAUSE_S, 0
        # The start of an answer decides the trial: the answer itself may last for an hour.
        self._trial = None
        self._failed.append(False)

    def failed(self, trial: Trial | None = None, *, at_once: bool = False) -> None:
        """Record a failed request. `at_once`: open after this one failure, as for a refused connection."""
        self._in_a_row += 1
        self._failed.append(True)
        if self._open_until is not None:
            # An open breaker ignores failures of requests that began earlier. Only the trial's failure counts.
            if trial is not None and trial is self._trial:
                self._pause_s = min(self._pause_s * 2, LONGEST_PAUSE_S)
                self._open_until = self._monotonic() + self._pause_s
        elif at_once or self._in_a_row >= FAILURES_IN_A_ROW or self._share_failed() >= FAILED_SHARE:
            self._open_until = self._monotonic() + self._pause_s

    def _share_failed(self) -> float:
        """The share of failures among the last `WINDOW` requests. 0.0 while there are fewer."""
        return sum(self._failed) / WINDOW if len(self._failed) == WINDOW else 0.0
