"""Metrics of batches: counters of this process's worker, and gauges of the region's queue, which all workers share."""

from prometheus_client import CollectorRegistry, Gauge

from domicile.data_plane.jobs.batch import BatchStatus
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.queue_state import QueueState
from domicile.web.observability.counters import PlainCounter


class JobMetrics(JobObserver):
    """The worker's observer. No label names a project, a batch or a key."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lines = PlainCounter("domicile_batch_lines", "Lines of batches, by their outcome.", ["outcome"], registry)
        self._ended = PlainCounter(
            "domicile_batches_ended", "Batches that have ended, by status.", ["status"], registry
        )
        self._retries = PlainCounter(
            "domicile_batch_chunk_retries", "Claims of chunks that had been begun before.", [], registry
        )
        self._lost = PlainCounter(
            "domicile_batch_claims_lost", "Claims that were over before their work.", [], registry
        )
        for outcome in ("completed", "failed", "unrun"):
            self._lines.add(0, outcome)
        for status in BatchStatus:
            if status.is_final:
                self._ended.add(0, status.value)
        self._retries.add(0)
        self._lost.add(0)
        self._batches = Gauge(
            "domicile_batches", "Batches of the region that have not ended.", ["status"], registry=registry
        )
        self._chunks = Gauge(
            "domicile_batch_chunks", "Chunks of the region that are queued or run.", ["status"], registry=registry
        )
        self._oldest = Gauge(
            "domicile_batch_oldest_queued_seconds",
            "Seconds since the oldest batch with a queued chunk was validated; 0 without one.",
            registry=registry,
        )

    def lines_ended(self, *, completed: int = 0, failed: int = 0, unrun: int = 0) -> None:
        """Count lines by their outcome."""
        for outcome, count in (("completed", completed), ("failed", failed), ("unrun", unrun)):
            self._lines.add(count, outcome)

    def begun_again(self) -> None:
        """Count a retry."""
        self._retries.add(1)

    def claim_lost(self) -> None:
        """Count a lost claim."""
        self._lost.add(1)

    def batch_ended(self, status: BatchStatus) -> None:
        """Count the batch by its status."""
        self._ended.add(1, status.value)

    def show(self, state: QueueState | None, now_ms: int) -> None:
        """Set the gauges. NaN while the database is unavailable: the values are unknown."""
        if state is None:
            self._batches.clear()
            self._chunks.clear()
            self._oldest.set(float("nan"))
            return
        for status, count in state.batches.items():
            self._batches.labels(status.value).set(count)
        for chunk_status, count in state.chunks.items():
            self._chunks.labels(chunk_status.value).set(count)
        oldest_at_ms = state.oldest_queued_at_ms
        self._oldest.set(0 if oldest_at_ms is None else max(0, now_ms - oldest_at_ms) / 1000)
