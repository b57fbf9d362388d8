"""Audit events of a region, upward: what happened to the region itself, never to a request."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.snapshot import Count, Milliseconds
from domicile.kernel.ids import ProjectId, RegionCode, WriterId


class RegionEventType(StrEnum):
    """What a region reports of itself."""

    STARTED = "region.started"
    STOPPED = "region.stopped"
    SNAPSHOT_REFUSED = "region.snapshot_refused"
    METERING_GAP = "region.metering_gap"
    PROJECT_DESTROYED = "region.project_destroyed"


class RegionEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event, with the snapshot that was in force. `project_id`: where the event is about a project."""

    type: RegionEventType
    at_ms: Milliseconds
    epoch: Count
    number: Count
    project_id: ProjectId | None = None


class AuditReport(Struct, frozen=True, forbid_unknown_fields=True):
    """Numbered per writer in one sequence with usage reports, counted once."""

    region: RegionCode
    writer: WriterId
    number: Annotated[int, Meta(ge=1)]
    events: tuple[RegionEvent, ...]
