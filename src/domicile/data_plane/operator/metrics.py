"""GET /metrics: this replica in Prometheus' text format.

No label names a project, a key or anything that a caller wrote. A project's usage is billing data: the ledger and the control
plane's usage API have it, with access control. Metrics are copied into monitoring systems without any.
"""

from prometheus_client import CollectorRegistry, Gauge
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.audit import RegionEventType
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.jobs.queue_state import read_queue_state
from domicile.data_plane.limits.shared_quotas import SharedQuotas
from domicile.data_plane.metering.entry import LedgerEntry
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.outbox_state import OutboxState, read_outbox_state
from domicile.data_plane.operator.job_metrics import JobMetrics
from domicile.data_plane.operator.limit_metrics import LimitStoreMetrics
from domicile.data_plane.routing import Router
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.persistence.database import Database
from domicile.web.observability.counters import PlainCounter
from domicile.web.observability.http_metrics import exposition


class WorkMetrics:
    """The meter's observer: counts every ledger entry and every event of the region."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tokens = PlainCounter(
            "domicile_tokens",
            "Tokens metered, by the model's snapshot and direction; cached and reasoning are parts of input and output.",
            ["model", "direction"],
            registry,
        )
        self._characters = PlainCounter(
            "domicile_characters", "Characters spoken, by the model's snapshot.", ["model"], registry
        )
        self._audio = PlainCounter(
            "domicile_audio_seconds", "Audio transcribed, by the model's snapshot.", ["model"], registry
        )
        self._images = PlainCounter("domicile_images", "Images made, by the model's snapshot.", ["model"], registry)
        self._engine_requests = PlainCounter(
            "domicile_engine_requests",
            "Requests that an engine has worked on, and how they ended.",
            ["engine", "outcome", "counted_by"],
            registry,
        )
        self._events = PlainCounter(
            "domicile_region_events",
            "What happened to the region itself: refused snapshots, gaps in metering.",
            ["type"],
            registry,
        )
        for kind in RegionEventType:
            # Start at 0, so that monitoring sees the first event as an increase.
            self._events.add(0, kind.value)

    def recorded(self, entry: LedgerEntry) -> None:
        """Count the request, and its usage by model."""
        usage = entry.usage
        for direction, count in (
            ("input", usage.input_tokens),
            ("input_cached", usage.input_cached_tokens),
            ("output", usage.output_tokens),
            ("output_reasoning", usage.output_reasoning_tokens),
        ):
            if count:
                self._tokens.add(count, entry.model, direction)
        for counter, amount in (
            (self._characters, usage.characters),
            (self._audio, usage.audio_milliseconds / 1000),
            (self._images, usage.images),
        ):
            if amount:
                counter.add(amount, entry.model)
        self._engine_requests.add(1, entry.engine, entry.outcome.value, entry.counted_by.value)

    def happened(self, kind: RegionEventType) -> None:
        """Count the event by its type."""
        self._events.add(1, kind.value)


class Metrics:
    """Answers with all counters, and with gauges that are read at the time of the request."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        snapshots: CurrentSnapshot,
        router: Router,
        meter: Meter,
        metering: Database,
        clock: RegionClock,
        jobs: JobMetrics,
        queue: Database,
        limits: SharedQuotas | None,
    ) -> None:
        """`queue`: the database in which the region's jobs are. `limits`: those that are counted in a store."""
        self._registry = registry
        self._jobs = jobs
        self._queue = queue
        self._snapshots = snapshots
        self._router = router
        self._meter = meter
        self._metering = metering
        self._clock = clock
        self._engine_up = _engine_gauge(registry, "up", "Whether an engine answers.")
        self._engine_circuit = _engine_gauge(registry, "circuit_open", "Whether the engine's circuit breaker is open.")
        self._engine_running = _engine_gauge(registry, "running_requests", "Requests of this process that it works on.")
        self._engine_waiting = _engine_gauge(registry, "waiting_requests", "Requests of this process in its queue.")
        self._engine_places = _engine_gauge(registry, "places", "Places that this process may use there now.")
        self._engine_batch_places = _engine_gauge(
            registry, "batch_places", "Places that lines of batches may hold there now, in this process."
        )
        self._snapshot_age = _gauge(registry, "snapshot_age_seconds", "Seconds since the snapshot in force was signed.")
        self._snapshot_epoch = _gauge(registry, "snapshot_epoch", "The epoch of the snapshot in force; 0 without one.")
        self._snapshot_number = _gauge(registry, "snapshot_number", "The snapshot's number within the epoch.")
        self._database_up = _gauge(registry, "metering_database_up", "Whether the metering database answers.")
        self._outbox_depth = _gauge(registry, "outbox_reports", "Reports that the control plane has not confirmed.")
        self._outbox_refused = _gauge(
            registry, "outbox_refused_reports", "Reports that the control plane refused for good."
        )
        self._outbox_age = _gauge(
            registry, "outbox_oldest_age_seconds", "Age of the earliest data in the oldest waiting report."
        )
        self._correction = _gauge(
            registry, "clock_correction_seconds", "Seconds added to the machine's clock; 0 while it is right."
        )
        self._backlog = _gauge(registry, "metering_backlog_entries", "Ledger entries not yet on disk.")
        if limits is not None:
            LimitStoreMetrics(registry, limits)

    async def show(self, _request: Request) -> Response:
        """Answer with all metrics."""
        await self._look()
        return exposition(self._registry)

    async def _look(self) -> None:
        outbox = await read_outbox_state(self._metering)
        queue = await read_queue_state(self._queue)
        now_ms = self._clock.now_ms()
        self._jobs.show(queue, now_ms)
        table = self._snapshots.table
        # Infinite without a snapshot, so that an alert on "too old" fires.
        self._snapshot_age.set(float("inf") if table is None else max(0, now_ms - table.issued_at_ms) / 1000)
        self._snapshot_epoch.set(0 if table is None else table.epoch)
        self._snapshot_number.set(0 if table is None else table.number)
        self._look_at_outbox(outbox, now_ms)
        self._correction.set(self._clock.correction_ms / 1000)
        self._backlog.set(self._meter.backlog)
        for engine in self._router.states():
            for gauge, value in (
                (self._engine_up, engine.healthy),
                (self._engine_circuit, engine.circuit_open),
                (self._engine_running, engine.running),
                (self._engine_waiting, engine.waiting),
                (self._engine_places, engine.places),
                (self._engine_batch_places, engine.batch_places),
            ):
                gauge.labels(engine.name, engine.country).set(value)

    def _look_at_outbox(self, outbox: OutboxState | None, now_ms: int) -> None:
        self._database_up.set(outbox is not None)
        if outbox is None:
            # NaN while the database is unavailable: the values are unknown.
            for gauge in (self._outbox_depth, self._outbox_refused, self._outbox_age):
                gauge.set(float("nan"))
            return
        self._outbox_depth.set(outbox.depth)
        self._outbox_refused.set(outbox.refused)
        self._outbox_age.set(0 if outbox.oldest_at_ms is None else max(0, now_ms - outbox.oldest_at_ms) / 1000)


def _gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(f"domicile_{name}", text, registry=registry)


def _engine_gauge(registry: CollectorRegistry, name: str, text: str) -> Gauge:
    return Gauge(f"domicile_engine_{name}", text, ["engine", "country"], registry=registry)
