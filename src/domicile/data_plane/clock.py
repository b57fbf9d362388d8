"""What time it is in a region: the machine's clock, held against the control plane's (decision 0010).

Minutes of usage, the end of keys and the age of a snapshot are compared with times that the control plane has written, so they
go by its clock. It is told by what is signed: each snapshot says when it was made, and one comes every ten seconds.
"""

import structlog

from domicile.kernel.clock import Clock

log = structlog.get_logger("clock")

TOLERANCE_MS = 5_000
"""A machine that agrees so far is left alone: NTP knows better than what has come over a network."""

_SAME_MS = 1_000


class RegionClock:
    """The region's time. Without contact the last correction holds; it is not kept over a restart, as clocks get mended."""

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch, UTC, within `TOLERANCE_MS` of the control plane's clock while there is contact."""
        return self.machine.now_ms() + self._ahead_ms

    @property
    def correction_ms(self) -> int:
        """What is added to the machine's clock: 0 while the two agree."""
        return self._ahead_ms

    def told(self, issued_at_ms: int, *, is_fresh: bool) -> None:
        """A verified snapshot was made at this time of the control plane.

        `is_fresh`: it has just been made, so that is the time now. Of any other snapshot only this much is known: it is not
        earlier than that.
        """
        difference = issued_at_ms - self.machine.now_ms()
        wanted = difference if abs(difference) > TOLERANCE_MS else 0
        if not is_fresh:
            wanted = max(self._ahead_ms, wanted)
        if wanted != self._ahead_ms and (wanted == 0 or abs(wanted - self._ahead_ms) > _SAME_MS):
            log.warning("clock_corrected", seconds=round(wanted / 1000))
            self._ahead_ms = wanted
