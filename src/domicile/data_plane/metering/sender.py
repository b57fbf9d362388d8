"""Sends the outbox to the control plane: at least once, oldest first, with retries while the control plane is unreachable."""

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
# Several at a time, so that a distant control plane keeps up with two reports a second from each replica. Their order does not
# matter: the control plane counts each report once.
IN_FLIGHT = 6
IDLE_S = 5.0
RETRY_MIN_S = 0.2
RETRY_MAX_S = 3.0
# Refusals of the report itself. All others concern the call and are retried: the control plane or a proxy may answer otherwise
# later, and a report that is given up is usage without a bill.
_FINAL_STATUSES = frozenset({400, 403, 409, 413, 422})
# The operator can repair these. An unknown model, for instance, is missing in the control plane's catalogue only.
_TEMPORARY = frozenset({"bad_signature", "unknown_region", "unknown_model", UNKNOWN_CODE})


class OutboxSender:
    """Sends reports in one loop. A report is deleted only after the control plane has confirmed it."""

    def __init__(self, repository: MeteringRepository, link: ControlLink, meter: Meter) -> None:
        self._repository = repository
        self._link = link
        self._meter = meter

    async def run(self) -> None:
        """Send until cancelled."""
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
        """Send one batch. Returns whether the outbox had no more reports than that.

        Raises `ControlUnreachableError`, `ControlRefusedError` for a refusal to retry, and the database's errors.
        """
        self._meter.reported.clear()
        rows = await self._repository.waiting(self._meter.writer, BATCH)
        # Send the first alone: if the control plane is unreachable, the others are not tried.
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
