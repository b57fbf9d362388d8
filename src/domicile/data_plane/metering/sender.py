"""Carries the outbox to the control plane: at least once, the oldest first, patient while the control plane is away."""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.control_link import (
    UNKNOWN_CODE,
    ControlLink,
    ControlRefusedError,
    ControlUnreachableError,
)
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository, OutboxRow

log = structlog.get_logger("metering")

BATCH = 32
# A distant control plane must not be slower than what is reported: two reports a second and replica. Their order is nothing
# to it, as each is counted once.
IN_FLIGHT = 6
IDLE_S = 5.0
RETRY_MIN_S = 0.2
RETRY_MAX_S = 3.0
# Refusals of the report itself. All others are of the call, by the control plane or by a proxy before it, and will pass:
# a report that was set aside is usage that nobody is billed for.
_FINAL_STATUSES = frozenset({400, 403, 409, 413, 422})
# An operator mends these: an unknown model is one that the control plane's catalogue lacks and this region's has.
_TEMPORARY = frozenset({"bad_signature", "unknown_region", "unknown_model", UNKNOWN_CODE})


class OutboxSender:
    """One loop. A report is deleted only after the control plane has confirmed it."""

    def __init__(self, repository: MeteringRepository, link: ControlLink, meter: Meter) -> None:
        self._repository = repository
        self._link = link
        self._meter = meter

    async def run(self) -> None:
        """Sends until cancelled."""
        retry_s = RETRY_MIN_S
        while True:
            try:
                sent_all = await self.send_waiting()
                retry_s = RETRY_MIN_S
                if sent_all:
                    await self._wait_for_news()
                continue
            except (ControlUnreachableError, ControlRefusedError) as error:
                log.warning("outbox_waits", reason=str(error))
            except SQLAlchemyError as error:
                log.error("outbox_waits", reason=type(error).__name__)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, RETRY_MAX_S)

    async def send_waiting(self) -> bool:
        """Sends one batch. Returns whether that was all there was."""
        self._meter.reported.clear()
        rows = await self._repository.waiting(self._meter.writer, BATCH)
        # The first alone: if it finds nobody, the others need not be tried.
        for window in (rows[:1], *(rows[at : at + IN_FLIGHT] for at in range(1, len(rows), IN_FLIGHT))):
            outcomes = await asyncio.gather(*(self._send(row) for row in window), return_exceptions=True)
            for outcome in outcomes:
                if outcome is not None:
                    raise outcome
        return len(rows) < BATCH

    async def _send(self, row: OutboxRow) -> None:
        try:
            await self._link.report(row.path, row.body)
        except ControlRefusedError as error:
            if error.status not in _FINAL_STATUSES or error.code in _TEMPORARY:
                raise
            log.error("report_refused", code=error.code, writer=row.writer, number=row.number)
            await self._repository.refused(row, error.code)
        else:
            await self._repository.confirmed(row)

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(IDLE_S):
                await self._meter.reported.wait()
        except TimeoutError:
            pass
