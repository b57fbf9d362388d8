"""Audit events that a region reports to the control plane. They concern the region itself, never a request."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.snapshot import Count, Milliseconds
from domicile.kernel.ids import ProjectId, RegionCode, WriterId


class RegionEventType(StrEnum):
    """The kinds of events that a region reports."""

    STARTED = "region.started"
    STOPPED = "region.stopped"
    SNAPSHOT_REFUSED = "region.snapshot_refused"
    METERING_GAP = "region.metering_gap"
    PROJECT_DESTROYED = "region.project_destroyed"


class RegionEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event, with the epoch and number of the snapshot in force. `project_id`: set when the event is about a project."""

    type: RegionEventType
    at_ms: Milliseconds
    epoch: Count
    number: Count
    project_id: ProjectId | None = None


class AuditReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of events. A writer numbers these and its usage reports in one sequence; each number is counted once."""

    region: RegionCode
    writer: WriterId
    number: Annotated[int, Meta(ge=1)]
    events: tuple[RegionEvent, ...]
