"""Posts fired alerts to the operator's webhook, from rows of the database, until it takes them."""

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from sqlalchemy import Delete, Update, delete, select, update

from domicile.boundary.spending import month_start_ms
from domicile.catalogue.prices import date_of
from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.database.transactions import Platform, Reader, Reading
from domicile.control_plane.spending.alert_repository import SpendAlert, alert_of
from domicile.control_plane.spent import NANODOLLARS_IN_CENT
from domicile.kernel.clock import Clock, seconds
from domicile.persistence.database import Database

log = structlog.get_logger("spending")

TIMEOUT_S = 10.0
LOOK_EVERY_S = 1.0
AT_ONCE = 10
RETRY_MIN_MS = 5_000
RETRY_MAX_MS = 3_600_000
KEEP_MS = 7 * 86_400_000
"""An alert that the webhook has not taken for so long is given up."""
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One fired alert on its way."""

    id: str
    month: int
    nanodollars: int
    """Spent when it fired."""
    reached_at_ms: int
    attempts: int
    alert: SpendAlert


class WebhookSender:
    """Delivers at least once: the receiver knows a repetition by its id. Only one process may run it."""

    def __init__(
        self, reader: Reader, database: Database, clock: Clock, session: aiohttp.ClientSession, url: str
    ) -> None:
        """`session`: reaches nothing but the webhook's host."""
        self._reader = reader
        self._database = database
        self._clock = clock
        self._session = session
        self._url = url

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.deliver_due()
            except Exception as error:
                log.error("webhooks_not_delivered", type=type(error).__name__)

    async def deliver_due(self) -> int:
        """Try every delivery whose time has come, at most `AT_ONCE`. Returns how many the webhook took."""
        table = tables.webhook_delivery
        query = select(table).where(table.c.next_at_ms <= self._clock.now_ms()).order_by(table.c.next_at_ms)
        async with self._reader.reading(Platform()) as reading:
            due = [
                Delivery(
                    row.id, row.month, row.nanodollars, row.reached_at_ms, row.attempts, await _alert(reading, row)
                )
                for row in await reading.all(query.limit(AT_ONCE))
            ]
        return sum([await self._deliver(each) for each in due])

    async def _deliver(self, delivery: Delivery) -> bool:
        problem = await self._post(delivery)
        table, now_ms = tables.webhook_delivery, self._clock.now_ms()
        is_over = problem is None or now_ms - delivery.reached_at_ms > KEEP_MS
        if problem is not None:
            event = log.error if is_over else log.warning
            event("webhook_not_taken", delivery=delivery.id, reason=problem, attempts=delivery.attempts + 1)
        change: Delete | Update = delete(table)
        if not is_over:
            pause_ms = min(RETRY_MIN_MS * 2**delivery.attempts, RETRY_MAX_MS)
            change = update(table).values(attempts=delivery.attempts + 1, next_at_ms=now_ms + pause_ms)
        async with self._database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
            await connection.execute(change.where(table.c.id == delivery.id))
        return problem is None

    async def _post(self, delivery: Delivery) -> str | None:
        """Why the webhook has not taken it; None if it has. The reason quotes nothing of the answer."""
        headers = {"webhook-id": delivery.id}
        try:
            # A redirect would lead to a host that the operator has not named.
            async with self._session.post(
                self._url, json=payload(delivery), headers=headers, allow_redirects=False
            ) as response:
                return None if 200 <= response.status < 300 else f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__


async def _alert(reading: Reading, row: Any) -> SpendAlert:
    table = tables.spend_alert
    (found,) = await reading.all(select(table).where(table.c.id == row.alert_id))
    return alert_of(found)


def payload(delivery: Delivery) -> dict[str, Any]:
    """What is posted. Its members are those of the alert in the Admin API, so that a receiver can send the mail."""
    alert, terms = delivery.alert, delivery.alert.terms
    return {
        "id": delivery.id,
        "type": "spend_alert.reached",
        "created_at": seconds(delivery.reached_at_ms),
        "data": {
            "alert_id": alert.id,
            "organization_id": alert.organization_id,
            "project_id": alert.project_id,
            "month": date_of(month_start_ms(delivery.month) // _DAY_MS).isoformat()[:7],
            "threshold_amount": terms.cents,
            "spent_amount": delivery.nanodollars // NANODOLLARS_IN_CENT,
            "currency": "USD",
            "notification_channel": {
                "type": "email",
                "recipients": terms.recipients,
                "subject_prefix": terms.subject_prefix,
            },
        },
    }
