"""The port through which the request lifecycle records usage."""

from typing import Protocol

from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.service_levels import ServedAnswer


class UsageRecorder(Protocol):
    """Takes the entry of each request that an engine ran. The `Meter` is one."""

    def record(self, entry: LedgerEntry) -> None:
        """Take an entry. Never waits or fails."""

    def served(self, answer: ServedAnswer) -> None:
        """Count what came of a request that bought capacity covered, also when no engine ran. Never waits or fails."""

    async def settled(self) -> None:
        """Wait until what was recorded is as safe as the region's settings want it before an answer is sent."""
