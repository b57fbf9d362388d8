"""Audit events that a region reports to the control plane. They concern the region itself, never a request."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from domicile.boundary.outside_services import CheckNumber, CheckOutcome
from domicile.boundary.snapshot import Count, Milliseconds
from domicile.kernel.ids import OutsideServiceId, ProjectId, RegionCode, WriterId

ExportNumber = Annotated[int, Meta(ge=1)]


class RegionEventType(StrEnum):
    """The kinds of events that a region reports."""

    STARTED = "region.started"
    STOPPED = "region.stopped"
    SNAPSHOT_REFUSED = "region.snapshot_refused"
    METERING_GAP = "region.metering_gap"
    PROJECT_DESTROYED = "region.project_destroyed"
    EXTERNAL_KEY_CHECKED = "region.external_key_checked"
    EXTERNAL_STORAGE_CHECKED = "region.external_storage_checked"


class ServiceCheck(Struct, frozen=True, forbid_unknown_fields=True):
    """What the region found when it tried an external key or an external storage."""

    service_id: OutsideServiceId
    check: CheckNumber
    outcome: CheckOutcome


class RegionEvent(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One event, with the epoch and number of the snapshot in force. `project_id`: set when the event is about a project.

    `exports`: of a destroyed project, the numbers of the exports of keys that could still open its old backups.
    """

    type: RegionEventType
    at_ms: Milliseconds
    epoch: Count
    number: Count
    project_id: ProjectId | None = None
    exports: tuple[ExportNumber, ...] = ()
    service_check: ServiceCheck | None = None


class AuditReport(Struct, frozen=True, forbid_unknown_fields=True):
    """A batch of events. A writer numbers these and its usage reports in one sequence; each number is counted once."""

    region: RegionCode
    writer: WriterId
    number: Annotated[int, Meta(ge=1)]
    events: tuple[RegionEvent, ...]
