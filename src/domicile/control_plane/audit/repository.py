"""Audit rows in the database."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, insert, select

from domicile.control_plane.audit.kinds import KINDS
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.principals.principal import Actor, Administrator, EnrolledRegion, Operator
from domicile.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Event:
    """A change that is about to be made. `detail` holds the requested values, but never a key's value."""

    type: str
    resource_id: str
    organization_id: str | None = None
    project_id: str | None = None
    region: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One event as it was recorded."""

    sequence: int
    id: str
    organization_id: str | None
    project_id: str | None
    project_name: str | None
    region: str | None
    type: str
    resource_id: str
    actor_type: str
    actor_id: str | None
    effective_at_ms: int
    detail: dict[str, Any]


async def insert_event(writing: Writing, actor: Actor, event: Event, at_ms: int) -> None:
    """Appends one row. Raises ValueError for a type outside `KINDS`, which no filter could find."""
    if event.type not in KINDS:
        raise ValueError(f"unknown kind of event: {event.type}")
    actor_type, actor_id = _actor(actor)
    await writing.execute(
        insert(tables.audit_event).values(
            id=new_id("audit_log-"),
            organization_id=event.organization_id,
            project_id=event.project_id,
            region=event.region,
            type=event.type,
            resource_id=event.resource_id,
            actor_type=actor_type,
            actor_id=actor_id,
            effective_at_ms=at_ms,
            detail=msgspec.json.encode(event.detail).decode(),
        )
    )


async def find_sequence(reading: Reading, event_id: str, visible: ColumnElement[bool] | None) -> int | None:
    """The event's position in the log. None when it is unknown or outside `visible`; without `visible` every event counts."""
    query = select(tables.audit_event.c.sequence).where(tables.audit_event.c.id == event_id)
    row = await reading.first(query if visible is None else query.where(visible))
    return None if row is None else row.sequence


async def list_events(
    reading: Reading, conditions: list[ColumnElement[bool]], *, oldest_first: bool, limit: int
) -> list[AuditRow]:
    """At most `limit` events that meet every condition."""
    table, project = tables.audit_event, tables.project
    order = table.c.sequence.asc() if oldest_first else table.c.sequence.desc()
    query = (
        select(table, project.c.name.label("project_name"))
        .outerjoin(project, project.c.id == table.c.project_id)
        .where(*conditions)
        .order_by(order)
        .limit(limit)
    )
    rows = await reading.all(query)
    return [
        AuditRow(
            sequence=row.sequence,
            id=row.id,
            organization_id=row.organization_id,
            project_id=row.project_id,
            project_name=row.project_name,
            region=row.region,
            type=row.type,
            resource_id=row.resource_id,
            actor_type=row.actor_type,
            actor_id=row.actor_id,
            effective_at_ms=row.effective_at_ms,
            detail=msgspec.json.decode(row.detail),
        )
        for row in rows
    ]


def _actor(actor: Actor) -> tuple[str, str | None]:
    if isinstance(actor, Administrator):
        return "api_key", actor.admin_key_id
    if isinstance(actor, EnrolledRegion):
        return "region", actor.replica
    if isinstance(actor, Operator):
        return "operator", None
    return "installation", None
