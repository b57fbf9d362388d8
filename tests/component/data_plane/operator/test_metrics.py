"""Metrics of a region: what is counted, under which names, and that labels are of closed sets."""

from math import isnan
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from domicile.boundary.audit import RegionEventType
from domicile.boundary.snapshot import Shard
from domicile.boundary.usage import Usage
from domicile.data_plane.jobs.batch import BatchStatus, ChunkStatus
from domicile.data_plane.jobs.queue_state import QueueState
from domicile.data_plane.metering.entry import CountedBy, Outcome
from domicile.data_plane.operator.job_metrics import JobMetrics
from domicile.kernel.errors import incorrect_hostname
from domicile.web.application import RequestRecord
from domicile.web.error_rendering import render
from domicile.web.observability.http_metrics import HttpMetrics, exposition, new_registry
from tests.component.data_plane.operator.listener import Listener, operator_listener
from tests.unit.data_plane.metering.entries import ledger_entry
from tests.unit.data_plane.region_parts import KEY_ID, NOW_MS, ORGANIZATION, PROJECT, current_snapshot, occupied


def read(text: str) -> dict[str, float]:
    """`name{label=value,...}` -> value, labels sorted."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


async def metrics_of(listener: Listener) -> dict[str, float]:
    answer = await listener.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    return read(answer.text)


async def test_a_region_that_has_just_begun_says_what_it_lacks(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        found = await metrics_of(listener)
        assert found["domicile_snapshot_age_seconds{}"] == float("inf")
        assert found["domicile_snapshot_epoch{}"] == found["domicile_snapshot_number{}"] == 0
        assert found["domicile_engine_up{country=DE,engine=one}"] == 0
        assert found["domicile_engine_up{country=FR,engine=two}"] == 0
        # Counters of what should never happen are there before it happens, so that the first time is an increase.
        for kind in RegionEventType:
            happened = kind is RegionEventType.STARTED
            assert found[f"domicile_region_events_total{{type={kind.value}}}"] == happened
        assert found["process_resident_memory_bytes{}"] > 0


async def test_work_is_counted_by_model_and_engine_and_by_nobody_who_asked(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        listener.path.meter.record(ledger_entry("req_1", usage=Usage(10, 2, 5, 1)))
        listener.path.meter.record(
            ledger_entry(
                "req_2", usage=Usage(7), engine="two", outcome=Outcome.CLIENT_LEFT, counted_by=CountedBy.PLATFORM
            )
        )
        listener.path.meter.record(ledger_entry("req_3", usage=Usage(characters=45, audio_milliseconds=1500, images=2)))
        listener.path.meter.event(RegionEventType.METERING_GAP)
        found = await metrics_of(listener)
        model = "model=gpt-4o-2024-08-06"
        for direction, count in (("input", 17), ("input_cached", 2), ("output", 5), ("output_reasoning", 1)):
            assert found[f"domicile_tokens_total{{direction={direction},{model}}}"] == count
        for quantity, amount in (("characters", 45.0), ("audio_seconds", 1.5), ("images", 2.0)):
            assert found[f"domicile_{quantity}_total{{{model}}}"] == amount
        requests = "domicile_engine_requests_total"
        assert found[f"{requests}{{counted_by=engine,engine=one,outcome=complete}}"] == 2
        assert found[f"{requests}{{counted_by=platform,engine=two,outcome=client_left}}"] == 1
        assert found["domicile_region_events_total{type=region.metering_gap}"] == 1
        assert found["domicile_metering_backlog_entries{}"] == 3
        text = (await listener.get("/metrics")).text
        for who in (PROJECT, KEY_ID, ORGANIZATION, "req_1"):
            assert who not in text


async def test_what_has_a_state_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        table = current_snapshot(Shard("eu", 0, (), (), ()), epoch=3, number=41).table
        assert table is not None
        listener.base.snapshots.swap(table)
        listener.machine_clock.ms = NOW_MS + 12_500
        listener.path.engines.router.report("one", healthy=True)
        condition = listener.path.engines.router.condition("one")
        await occupied(condition.turns, 5)
        condition.breaker.failed(at_once=True)
        listener.path.meter.record(ledger_entry("req_1"))
        await listener.path.meter.flush()
        found = await metrics_of(listener)
        assert found["domicile_snapshot_age_seconds{}"] == 12.5
        assert (found["domicile_snapshot_epoch{}"], found["domicile_snapshot_number{}"]) == (3, 41)
        for name, value in (
            ("up", 1),
            ("circuit_open", 1),
            ("running_requests", 3),
            ("waiting_requests", 2),
            ("batch_places", 1),
        ):
            assert found[f"domicile_engine_{name}{{country=DE,engine=one}}"] == value
        assert found["domicile_outbox_reports{}"] == 2, "its start, and the usage"
        assert 12 <= found["domicile_outbox_oldest_age_seconds{}"] <= 73
        assert found["domicile_metering_backlog_entries{}"] == 0
        assert found["domicile_clock_correction_seconds{}"] == 0
        listener.base.clock.correct(NOW_MS, is_fresh=True)
        found = await metrics_of(listener)
        assert found["domicile_clock_correction_seconds{}"] == -12.5
        assert found["domicile_snapshot_age_seconds{}"] == 0


async def test_batches_are_counted_by_states_and_outcomes(tmp_path: Path) -> None:
    async with operator_listener(tmp_path) as listener:
        found, jobs = await metrics_of(listener), listener.operator.jobs
        for name in ("chunk_retries_total", "claims_lost_total", "oldest_queued_seconds"):
            assert found[f"domicile_batch_{name}{{}}"] == 0
        assert found["domicile_batches{status=in_progress}"] == found["domicile_batch_chunks{status=queued}"] == 0
        assert found["domicile_batches_ended_total{status=expired}"] == 0
        jobs.lines_ended(completed=24, failed=1)
        jobs.lines_ended(unrun=7)
        jobs.begun_again()
        jobs.claim_lost()
        jobs.batch_ended(BatchStatus.EXPIRED)
        found = await metrics_of(listener)
        for outcome, count in (("completed", 24), ("failed", 1), ("unrun", 7)):
            assert found[f"domicile_batch_lines_total{{outcome={outcome}}}"] == count
        assert found["domicile_batch_chunk_retries_total{}"] == found["domicile_batch_claims_lost_total{}"] == 1
        assert found["domicile_batches_ended_total{status=expired}"] == 1
        async with listener.without_databases():
            found = await metrics_of(listener)
        assert isnan(found["domicile_batch_oldest_queued_seconds{}"])
        assert "domicile_batches{status=in_progress}" not in found


def test_the_queue_is_shown_as_it_is() -> None:
    registry = new_registry()
    waiting = {BatchStatus.IN_PROGRESS: 2, BatchStatus.CANCELLING: 1}
    chunks = {ChunkStatus.QUEUED: 30, ChunkStatus.RUNNING: 4}
    JobMetrics(registry).show(QueueState(waiting, chunks, NOW_MS - 1500), NOW_MS)
    found = read(bytes(exposition(registry).body).decode())
    assert (found["domicile_batches{status=in_progress}"], found["domicile_batches{status=cancelling}"]) == (2, 1)
    assert found["domicile_batch_chunks{status=queued}"] == 30
    assert found["domicile_batch_chunks{status=running}"] == 4
    assert found["domicile_batch_oldest_queued_seconds{}"] == 1.5


async def test_each_listener_counts_for_itself(tmp_path: Path) -> None:
    """No state of the process: two regions in one process would otherwise show each other's numbers."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    async with operator_listener(tmp_path / "a") as one, operator_listener(tmp_path / "b") as other:
        one.path.meter.record(ledger_entry("req_1"))
        assert any(name.startswith("domicile_tokens_total") for name in await metrics_of(one))
        assert not any(name.startswith("domicile_tokens_total") for name in await metrics_of(other))


def exchange(**members: object) -> RequestRecord:
    values: dict[str, object] = {
        "method": "POST",
        "route": "/v1/chat/completions",
        "status": 200,
        "code": None,
        "bytes_in": 100,
        "bytes_out": 200,
        "first_byte_s": 0.02,
        "duration_s": 0.2,
        **members,
    }
    return RequestRecord(**values)  # type: ignore[arg-type]


def test_labels_are_of_closed_sets() -> None:
    registry = new_registry()
    metrics = HttpMetrics(registry)
    metrics.began()
    metrics.began()
    metrics.ended(exchange())
    metrics.ended(
        exchange(method="CANARY", route=None, status=None, code="canary\nin the code", first_byte_s=None, bytes_in=1)
    )
    metrics.began()
    text = bytes(exposition(registry).body).decode()
    found = read(text)
    route = "/v1/chat/completions"
    assert found[f"domicile_http_requests_total{{code=,method=POST,route={route},status=200}}"] == 1
    assert found["domicile_http_requests_total{code=other,method=other,route=unknown,status=0}"] == 1
    assert found[f"domicile_http_request_duration_seconds_bucket{{le=0.1,route={route}}}"] == 0
    assert found[f"domicile_http_request_duration_seconds_bucket{{le=0.25,route={route}}}"] == 1
    assert found[f"domicile_http_first_byte_seconds_bucket{{le=0.025,route={route}}}"] == 1
    assert not any("first_byte" in name and "unknown" in name for name in found)
    assert found["domicile_http_requests_in_flight{}"] == 1
    assert found["domicile_http_body_bytes_total{direction=in}"] == 101
    assert "canary" not in text.lower()


def test_a_refused_head_is_counted_by_its_code_alone() -> None:
    registry = new_registry()
    metrics = HttpMetrics(registry)
    metrics.refused(render(incorrect_hostname("us.example.com")))
    text = bytes(exposition(registry).body).decode()
    assert read(text)["domicile_http_heads_refused_total{code=incorrect_hostname,status=401}"] == 1
    assert "example" not in text
