"""The places of an engine that lines of batches may take, adapted by what interactive requests wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

QUIET_S = 60.0
"""For how long no interactive request may have waited before the gate opens further."""
HALVING_S = 1.0
"""Between two halvings. Requests that begin to wait together are one sign, and lines need time to give places back."""
_STEPS = 8


class BatchGate:
    """Halved at once when an interactive request waits. Opens by an eighth of its share for each minute in which none did.

    Never above the share, and never below one place: a batch must come to its end. `monotonic` returns seconds.
    """

    def __init__(self, share: int, monotonic: Callable[[], float], *, is_fixed: bool = False) -> None:
        """`is_fixed`: the gate stays at its share, for an engine that itself puts interactive requests first."""
        self._share = share
        self._places = share
        self._is_fixed = is_fixed
        self._step = max(1, share // _STEPS)
        self._monotonic = monotonic
        self._quiet_since = monotonic()
        self._halved_at = float("-inf")
        self._waiting = 0
        self.waits = 0
        """How often an interactive request of this process has begun to wait."""

    @property
    def is_waited_at(self) -> bool:
        """Whether an interactive request of this process waits now."""
        return self._waiting > 0

    def places(self) -> int:
        """The places that lines may hold now."""
        if self._waiting:
            self.narrow()
        else:
            self._open()
        return self._places

    @contextmanager
    def interactive_waits(self) -> Iterator[None]:
        """Halve the places, and again for each second in which the block runs: an interactive request waits in it."""
        self.narrow()
        self.waits += 1
        self._waiting += 1
        try:
            yield
        finally:
            self.narrow()
            self._waiting -= 1

    def narrow(self) -> None:
        """Give way to an interactive request that waits, in this process or in another one of the region."""
        if not self._waiting:
            self._open()
        now = self._monotonic()
        self._quiet_since = now
        if not self._is_fixed and now - self._halved_at >= HALVING_S:
            self._places, self._halved_at = max(1, self._places // 2), now

    def _open(self) -> None:
        minutes = int((self._monotonic() - self._quiet_since) // QUIET_S)
        if minutes:
            self._places = min(self._share, self._places + minutes * self._step)
            self._quiet_since += minutes * QUIET_S
