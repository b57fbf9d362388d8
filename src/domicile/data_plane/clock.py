"""The region's time: the machine's clock, corrected by the control plane's clock if they differ (decision 0010).

Usage minutes, key expiry and snapshot age are compared with times that the control plane wrote, so they must follow its clock.
Its time is taken only from signed data: each snapshot carries the time of signing, and a new one comes every ten seconds.
"""

import structlog

from domicile.kernel.clock import Clock

log = structlog.get_logger("clock")

TOLERANCE_MS = 5_000
"""Smaller differences are not corrected: NTP is more exact than a time that travelled in a snapshot."""

_SAME_MS = 1_000


class RegionClock:
    """The region's time. Without contact the last correction stays; a restart drops it, as clocks get repaired."""

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """Milliseconds since the Unix epoch. Within `TOLERANCE_MS` of the control plane's clock while there is contact."""
        return self.machine.now_ms() + self._ahead_ms

    @property
    def correction_ms(self) -> int:
        """The milliseconds added to the machine's clock. 0 while both clocks agree."""
        return self._ahead_ms

    def correct(self, issued_at_ms: int, *, is_fresh: bool) -> None:
        """Take the signing time of a verified snapshot into account.

        `is_fresh`: the snapshot was just signed, so this is the control plane's time now. Any other snapshot only proves that
        it is not earlier than this.
        """
        difference = issued_at_ms - self.machine.now_ms()
        wanted = difference if abs(difference) > TOLERANCE_MS else 0
        if not is_fresh:
            wanted = max(self._ahead_ms, wanted)
        if wanted != self._ahead_ms and (wanted == 0 or abs(wanted - self._ahead_ms) > _SAME_MS):
            log.warning("clock_corrected", seconds=round(wanted / 1000))
            self._ahead_ms = wanted
