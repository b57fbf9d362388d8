"""Spending alerts of an organization and of its projects, as admins set them. `alert_watch` fires them."""

from domicile.control_plane import control_errors
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database.transactions import Reader, Reading
from domicile.control_plane.idempotency import Attempt, find_made, remember
from domicile.control_plane.principals.principal import Administrator
from domicile.control_plane.projects.service import require_active
from domicile.control_plane.spending.alert_repository import (
    AlertTerms,
    SpendAlert,
    change_alert,
    count_alerts,
    delete_alert,
    find_alert,
    insert_alert,
    list_alerts,
)
from domicile.control_plane.spending.limits import find_owner
from domicile.kernel import errors
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window

MAX_ALERTS = 100
"""Alerts of one project, and of one organization itself."""


class SpendAlerts:
    """Reads and sets alerts. `project_id`: None for the organization's own. All raise 404 for an unknown project or alert."""

    def __init__(self, reader: Reader, changes: Changes) -> None:
        self._reader = reader
        self._changes = changes

    async def page(
        self, administrator: Administrator, project_id: str | None, part: Window
    ) -> tuple[list[SpendAlert], bool]:
        """One page, and whether there are more."""
        async with self._reader.reading(administrator) as reading:
            await find_owner(reading, administrator, project_id)
            return await list_alerts(reading, administrator.organization_id, project_id, part)

    async def get(self, administrator: Administrator, project_id: str | None, alert_id: str) -> SpendAlert:
        """One alert."""
        async with self._reader.reading(administrator) as reading:
            return await _get(reading, administrator, project_id, alert_id)

    async def create(
        self, administrator: Administrator, project_id: str | None, terms: AlertTerms, attempt: Attempt | None = None
    ) -> SpendAlert:
        """Create an alert. Raises 409 when the owner has too many."""
        organization_id = administrator.organization_id
        async with self._changes.begin(administrator) as change:
            project = await find_owner(change, administrator, project_id)
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await _get(change, administrator, project_id, made.resource_id)
            if project is not None:
                require_active(project)
            if await count_alerts(change, organization_id, project_id) >= MAX_ALERTS:
                raise control_errors.conflict(
                    "too_many_spend_alerts",
                    f"There are {MAX_ALERTS} spend alerts here, the most there can be. Delete one.",
                )
            alert = SpendAlert(new_id("alert_"), organization_id, project_id, terms, change.now_ms)
            writing = await change.record(_event("spend_alert.created", alert, terms))
            await insert_alert(writing, alert)
            await remember(writing, attempt, change.now_ms, alert.id)
        return alert

    async def modify(
        self, administrator: Administrator, project_id: str | None, alert_id: str, terms: AlertTerms
    ) -> SpendAlert:
        """Replace what an alert says."""
        async with self._changes.begin(administrator) as change:
            alert = await _get(change, administrator, project_id, alert_id)
            writing = await change.record(_event("spend_alert.updated", alert, terms))
            await change_alert(writing, alert, terms)
            return await _get(change, administrator, project_id, alert_id)

    async def remove(self, administrator: Administrator, project_id: str | None, alert_id: str) -> None:
        """Delete an alert."""
        async with self._changes.begin(administrator) as change:
            alert = await _get(change, administrator, project_id, alert_id)
            writing = await change.record(_event("spend_alert.deleted", alert))
            await delete_alert(writing, alert, change.now_ms)


async def _get(reading: Reading, administrator: Administrator, project_id: str | None, alert_id: str) -> SpendAlert:
    await find_owner(reading, administrator, project_id)
    alert = await find_alert(reading, administrator.organization_id, project_id, alert_id)
    if alert is None:
        raise errors.not_found("spend alert", alert_id)
    return alert


def _event(kind: str, alert: SpendAlert, terms: AlertTerms | None = None) -> Event:
    """Mail addresses are personal: the audit log has their number."""
    requested = {} if terms is None else {"cents": terms.cents, "recipients": len(terms.recipients)}
    return Event(
        kind,
        alert.id,
        organization_id=alert.organization_id,
        project_id=alert.project_id,
        detail={"changes_requested": requested},
    )
