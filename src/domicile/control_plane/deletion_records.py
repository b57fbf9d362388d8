"""Destructions of projects, from the request to the deletion record: one row for each project."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Row, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.grace import GRACE_MS
from domicile.kernel import errors


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """The destruction of one project. `destroyed_at_ms`: when its region finished, as the region reported."""

    project_id: str
    organization_id: str
    region: str
    requested_at_ms: int
    due_at_ms: int
    """The earliest time at which the region gets the tombstone."""
    counted_ms: int
    """How much of the grace period has been counted (`grace`)."""
    destroyed_at_ms: int | None = None
    exports: tuple[int, ...] = ()
    """Numbers of the exports of keys that could still open old backups of the project, as the region reported."""

    def is_told(self, now_ms: int) -> bool:
        """Whether the grace period is over, so that the region's snapshot carries the tombstone."""
        return self.due_at_ms <= now_ms and self.counted_ms >= GRACE_MS

    def status(self, now_ms: int) -> str:
        """`pending`, `in_progress` or `destroyed`. Only a pending destruction can be cancelled."""
        if self.destroyed_at_ms is not None:
            return "destroyed"
        return "in_progress" if self.is_told(now_ms) else "pending"


async def find_destruction(reading: Reading, project_id: str) -> DeletionRecord | None:
    """The project's destruction with any status, or None."""
    row = await reading.first(_query().where(tables.destruction.c.project_id == project_id))
    return None if row is None else _record_of(row)


async def list_destructions(reading: Reading) -> list[DeletionRecord]:
    """All destructions, newest first."""
    query = _query().order_by(tables.destruction.c.requested_at_ms.desc(), tables.destruction.c.project_id)
    return [_record_of(row) for row in await reading.all(query)]


def _query() -> Any:
    project = tables.project
    return select(tables.destruction, project.c.region).join(project, project.c.id == tables.destruction.c.project_id)


def _record_of(row: Row[*tuple[Any, ...]]) -> DeletionRecord:
    return DeletionRecord(
        row.project_id,
        row.organization_id,
        row.region,
        row.requested_at_ms,
        row.due_at_ms,
        row.counted_ms,
        row.destroyed_at_ms,
        tuple(msgspec.json.decode(row.exports, type=list[int])),
    )


async def record_destroyed(
    writing: Writing, region: str, project_id: str, *, at_ms: int, exports: Sequence[int], now_ms: int
) -> str | None:
    """Records a region's report that a project is destroyed. Returns its organization; None when it was recorded before.

    Raises 403 when that region has no tombstone for the project: the record would be false.
    """
    known = await find_destruction(writing, project_id)
    if known is None or known.region != region or not known.is_told(now_ms):
        raise errors.forbidden("no_tombstone", "No tombstone of this region names that project.")
    if known.destroyed_at_ms is not None:
        return None
    table = tables.destruction
    values = {"destroyed_at_ms": at_ms, "exports": msgspec.json.encode(exports).decode()}
    await writing.execute(update(table).where(table.c.project_id == project_id).values(**values))
    return known.organization_id
