"""Spending alerts in the database. Every query of an admin's names the organization."""

from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, func, insert, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class AlertTerms:
    """What an admin chooses. `recipients` and `subject_prefix` are kept and shown: no mail is sent."""

    cents: int
    recipients: tuple[str, ...]
    subject_prefix: str | None


@dataclass(frozen=True, slots=True)
class SpendAlert:
    """An alert of a project, or of the organization itself (`project_id` None)."""

    id: str
    organization_id: str
    project_id: str | None
    terms: AlertTerms
    created_at_ms: int

    @property
    def owner_id(self) -> str:
        """The id of the project, or else of the organization."""
        return self.project_id or self.organization_id


async def find_alert(
    reading: Reading, organization_id: str, project_id: str | None, alert_id: str
) -> SpendAlert | None:
    """The alert of this very owner. None for an unknown or deleted one, and for another's."""
    table = tables.spend_alert
    query = select(table).where(
        table.c.id == alert_id, table.c.deleted_at_ms.is_(None), *_owned(organization_id, project_id)
    )
    row = await reading.first(query)
    return None if row is None else alert_of(row)


async def list_alerts(
    reading: Reading, organization_id: str, project_id: str | None, part: Window
) -> tuple[list[SpendAlert], bool]:
    """One page, and whether there are more."""
    table = tables.spend_alert
    query = select(table).where(table.c.deleted_at_ms.is_(None))
    page = await read_page(reading, query, table, part, scope=_owned(organization_id, project_id))
    return [alert_of(row) for row in page.rows], page.has_more


async def count_alerts(reading: Reading, organization_id: str, project_id: str | None) -> int:
    """How many alerts the owner has."""
    table = tables.spend_alert
    query = select(func.count()).select_from(table)
    row = await reading.first(query.where(table.c.deleted_at_ms.is_(None), *_owned(organization_id, project_id)))
    return 0 if row is None else int(row[0])


async def insert_alert(writing: Writing, alert: SpendAlert) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.spend_alert).values(
            id=alert.id,
            organization_id=alert.organization_id,
            project_id=alert.project_id,
            created_at_ms=alert.created_at_ms,
            **_values(alert.terms),
        )
    )


async def change_alert(writing: Writing, alert: SpendAlert, terms: AlertTerms) -> None:
    """Sets the terms. An alert with another threshold may fire again in the same month."""
    values = _values(terms) | ({} if terms.cents == alert.terms.cents else {"reached_month": None})
    await writing.execute(update(tables.spend_alert).where(tables.spend_alert.c.id == alert.id).values(**values))


async def delete_alert(writing: Writing, alert: SpendAlert, at_ms: int) -> None:
    """Marks the alert as deleted. Its row stays."""
    await writing.execute(
        update(tables.spend_alert).where(tables.spend_alert.c.id == alert.id).values(deleted_at_ms=at_ms)
    )


def alert_of(row: Row[*tuple[Any, ...]]) -> SpendAlert:
    """An alert from its row."""
    recipients = tuple(msgspec.json.decode(row.recipients, type=list[str]))
    terms = AlertTerms(row.cents, recipients, row.subject_prefix)
    return SpendAlert(row.id, row.organization_id, row.project_id, terms, row.created_at_ms)


def _values(terms: AlertTerms) -> dict[str, Any]:
    recipients = msgspec.json.encode(terms.recipients).decode()
    return {"cents": terms.cents, "recipients": recipients, "subject_prefix": terms.subject_prefix}


def _owned(organization_id: str, project_id: str | None) -> list[ColumnElement[bool]]:
    table = tables.spend_alert
    return [table.c.organization_id == organization_id, table.c.project_id.is_not_distinct_from(project_id)]
