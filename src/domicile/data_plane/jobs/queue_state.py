"""The operator's view of the queue: counts over all projects and all workers of the region."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy import exists, func, select

from domicile.data_plane.jobs.batch import BatchStatus, ChunkStatus
from domicile.data_plane.tables import batch, batch_chunk
from domicile.persistence.database import Database
from domicile.persistence.unavailable import DatabaseUnavailableError

log = structlog.get_logger("operator")

OPEN = tuple(status for status in BatchStatus if not status.is_final)
_WAITING = (ChunkStatus.QUEUED, ChunkStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class QueueState:
    """What has not ended."""

    batches: Mapping[BatchStatus, int]
    chunks: Mapping[ChunkStatus, int]
    """Those that are queued, and those that run."""
    oldest_queued_at_ms: int | None
    """When the input of the oldest batch with a queued chunk was validated. None without one."""


async def read_queue_state(database: Database) -> QueueState | None:
    """None while the database is unavailable."""
    try:
        return await _read(database)
    except DatabaseUnavailableError as error:
        log.error("queue_not_read", type=str(error))
        return None


async def _read(database: Database) -> QueueState:
    by_status = select(batch.c.status, func.count().label("number")).where(batch.c.status.in_(OPEN))
    by_chunk = select(batch_chunk.c.status, func.count().label("number")).where(batch_chunk.c.status.in_(_WAITING))
    queued = exists().where(batch_chunk.c.batch_id == batch.c.batch_id, batch_chunk.c.status == ChunkStatus.QUEUED)
    oldest = select(func.min(batch.c.in_progress_at_ms)).where(batch.c.status == BatchStatus.IN_PROGRESS, queued)
    async with database.reading() as connection:
        batches = {row.status: row.number for row in await connection.execute(by_status.group_by(batch.c.status))}
        chunks = {row.status: row.number for row in await connection.execute(by_chunk.group_by(batch_chunk.c.status))}
        oldest_at_ms = (await connection.execute(oldest)).scalar()
    return QueueState(
        {status: batches.get(status.value, 0) for status in OPEN},
        {status: chunks.get(status.value, 0) for status in _WAITING},
        oldest_at_ms,
    )
