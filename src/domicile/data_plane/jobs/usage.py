"""The usage of committed lines, on its way into the ledger."""

from collections.abc import Sequence

from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.meter import Meter


class MeteredUsage:
    """A worker's `UsageLedger`: the meter of its process. The ledger keeps one entry for each line's id."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    async def record(self, entries: Sequence[LedgerEntry]) -> None:
        for entry in entries:
            self._meter.record(entry)
        await self._meter.written()
