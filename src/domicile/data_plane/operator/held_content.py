"""/operator/v1/held_content: what content the region holds of which project, since when, until when, and why. No content."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, null, select
from starlette.requests import Request
from starlette.responses import Response

from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.data_plane.storage.image_links import LIFETIME_MS
from domicile.data_plane.storage.objects import ObjectState
from domicile.data_plane.tables import batch, file, image_link, stored_object, upload
from domicile.kernel.clock import seconds
from domicile.persistence.database import Database
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

PROJECTS_MAX = 100
"""Projects of one page."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of stored content. The columns are those of its table."""

    name: str
    reason: str
    """Why it is held, and what ends it."""
    project_id: ColumnElement[str]
    size_bytes: ColumnElement[Any]
    purpose: ColumnElement[Any] | None
    since_ms: ColumnElement[Any]
    until_ms: ColumnElement[Any]
    condition: ColumnElement[bool] | None = None
    bucket: ColumnElement[Any] | None = None
    """The customer's bucket in which it lies. None: it lies in the region."""

    def projects(self, after: str) -> Select[*tuple[Any, ...]]:
        """The projects that have any of it, after this id."""
        query = select(self.project_id.label("project_id")).where(self.project_id > after)
        return query if self.condition is None else query.where(self.condition)

    def totals(self, projects: Sequence[str]) -> Select[*tuple[Any, ...]]:
        """One row for each project, purpose and bucket. `until_ms` is null when one of them has no end."""
        query = select(
            self.project_id.label("project_id"),
            (null() if self.purpose is None else self.purpose).label("purpose"),
            (null() if self.bucket is None else self.bucket).label("bucket"),
            func.count().label("count"),
            func.coalesce(func.sum(self.size_bytes), 0).label("size_bytes"),
            func.min(self.since_ms).label("since_ms"),
            func.max(self.until_ms).label("until_ms"),
            func.count(self.until_ms).label("ending"),
        ).where(self.project_id.in_(projects))
        if self.condition is not None:
            query = query.where(self.condition)
        # PostgreSQL groups by no constant.
        return query.group_by(*(each for each in (self.project_id, self.purpose, self.bucket) if each is not None))


_IN_BUCKET = stored_object.c.bucket.is_not(None)
_KINDS = (
    _Kind(
        "files",
        "uploaded or made by a batch; until its project deletes it or it expires",
        *(file.c.project_id, file.c.size_bytes, file.c.purpose, file.c.created_at_ms, file.c.expires_at_ms),
    ),
    _Kind(
        "uploads",
        "arriving in parts; until it is completed, cancelled or an hour old",
        *(upload.c.project_id, upload.c.size_bytes, upload.c.purpose, upload.c.created_at_ms, upload.c.expires_at_ms),
        condition=upload.c.status == "pending",
    ),
    _Kind(
        "batches",
        "the sealed metadata and errors of a batch; until its project is destroyed",
        *(batch.c.project_id, literal(0), None, batch.c.created_at_ms, null()),
    ),
    _Kind(
        "image_links",
        "generated images behind links, whose keys only the links have; for an hour",
        *(image_link.c.project_id, image_link.c.size_bytes, None),
        *(image_link.c.expires_at_ms - LIFETIME_MS, image_link.c.expires_at_ms),
    ),
    _Kind(
        "objects_in_bucket",
        "sealed objects of its files, uploads and batches in the customer's own bucket; until nothing refers to them",
        *(stored_object.c.project_id, stored_object.c.size_bytes, None, stored_object.c.changed_at_ms, null()),
        condition=_IN_BUCKET & (stored_object.c.state != ObjectState.DELETING.value),
        bucket=stored_object.c.bucket,
    ),
    _Kind(
        "undeleted_in_bucket",
        "sealed objects that the customer's own bucket has not let the region delete yet; tried every minute",
        *(stored_object.c.project_id, stored_object.c.size_bytes, None, stored_object.c.changed_at_ms, null()),
        condition=_IN_BUCKET & (stored_object.c.state == ObjectState.DELETING.value),
        bucket=stored_object.c.bucket,
    ),
)


class HeldContent:
    """The handler of this path."""

    def __init__(self, database: Database, snapshots: CurrentSnapshot) -> None:
        self._database = database
        self._snapshots = snapshots

    async def show(self, request: Request) -> Response:
        """Answer with a page of projects in the order of their ids: `after` continues, `project` asks for one."""
        query = Query(request, {"after", "limit", "project"})
        wanted, after = query.text("project"), query.text("after") or ""
        limit = query.integer("limit", minimum=1, maximum=PROJECTS_MAX) or PROJECTS_MAX
        async with self._database.reading() as connection:
            projects = [wanted] if wanted is not None else []
            if wanted is None:
                first, *others = (kind.projects(after) for kind in _KINDS)
                page = first.union(*others).order_by("project_id").limit(limit + 1)
                projects = list((await connection.execute(page)).scalars())
            has_more, projects = len(projects) > limit, projects[:limit]
            data = [
                self._render(kind, row)
                for kind in _KINDS
                for row in (await connection.execute(kind.totals(projects))).all()
            ]
        data.sort(key=lambda each: (each["project"], each["kind"], each["purpose"] or ""))
        last_id = projects[-1] if projects else None
        return json_response({"object": "list", "data": data, "last_id": last_id, "has_more": has_more})

    def _render(self, kind: _Kind, row: Any) -> dict[str, Any]:
        table = self._snapshots.table
        return {
            "object": "region.held_content",
            "project": row.project_id,
            # An archived project is in no snapshot: its content is kept, and nobody can read it.
            "project_is_served": table is not None and row.project_id in table.projects,
            "kind": kind.name,
            "purpose": row.purpose,
            "bucket": row.bucket,
            "reason": kind.reason,
            "count": row.count,
            "bytes": int(row.size_bytes),
            "since": seconds(row.since_ms),
            "until": seconds(row.until_ms) if row.ending == row.count else None,
        }
