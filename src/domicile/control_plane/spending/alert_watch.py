"""Fires spending alerts: each once in a month, when what regions have reported reaches its threshold."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, or_, select, update

from domicile.boundary.spending import month_of
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Platform, Reader
from domicile.control_plane.principals.principal import Startup
from domicile.control_plane.spending.alert_repository import SpendAlert, alert_of
from domicile.control_plane.spent import NANODOLLARS_IN_CENT, spent_in
from domicile.kernel.clock import Clock
from domicile.kernel.ids import new_id
from domicile.web.observability.counters import PlainCounter

log = structlog.get_logger("spending")

LOOK_EVERY_S = 5.0


class AlertWatch:
    """Looks every few seconds. Only one process may run it."""

    def __init__(
        self, reader: Reader, changes: Changes, clock: Clock, registry: CollectorRegistry, *, has_webhook: bool
    ) -> None:
        """`has_webhook`: whether a delivery is queued for each alert."""
        self._reader = reader
        self._changes = changes
        self._clock = clock
        self._has_webhook = has_webhook
        self._reached = PlainCounter("domicile_spend_alerts_reached", "Spending alerts that have fired.", [], registry)
        self._reached.add(0)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except Exception as error:
                log.error("spend_alerts_not_checked", type=type(error).__name__)

    async def look(self) -> None:
        """Fire every alert that is due."""
        month = month_of(self._clock.now_ms())
        table = tables.spend_alert
        due = table.c.deleted_at_ms.is_(None), or_(table.c.reached_month.is_(None), table.c.reached_month < month)
        async with self._reader.reading(Platform()) as reading:
            alerts = [alert_of(row) for row in await reading.all(select(table).where(*due))]
            if not alerts:
                return
            spent = await spent_in(reading, month, select(table.c.organization_id).where(*due))
        for alert in alerts:
            amount = sum(spent.get(alert.owner_id, {}).values())
            if amount and amount >= alert.terms.cents * NANODOLLARS_IN_CENT:
                await self._fire(alert, month, amount)

    async def _fire(self, alert: SpendAlert, month: int, nanodollars: int) -> None:
        """Note that the alert has fired and queue its delivery, in one transaction: a restart repeats and loses neither."""
        async with self._changes.begin(Startup()) as change:
            event = Event(
                "spend_alert.reached",
                alert.id,
                organization_id=alert.organization_id,
                project_id=alert.project_id,
                detail={"data": {"cents": alert.terms.cents}},
            )
            writing = await change.record(event)
            table = tables.spend_alert
            await writing.execute(update(table).where(table.c.id == alert.id).values(reached_month=month))
            if self._has_webhook:
                await writing.execute(
                    insert(tables.webhook_delivery).values(
                        id=new_id("evt_"),
                        organization_id=alert.organization_id,
                        alert_id=alert.id,
                        month=month,
                        nanodollars=nanodollars,
                        reached_at_ms=change.now_ms,
                        attempts=0,
                        next_at_ms=change.now_ms,
                    )
                )
        self._reached.add(1)
        log.warning(
            "spend_alert_reached",
            alert=alert.id,
            organization=alert.organization_id,
            project=alert.project_id,
            threshold_cents=alert.terms.cents,
        )
