"""The batches of a region: what callers may do with them, and the worker that runs them."""

from dataclasses import dataclass

from domicile.apps.region.content import Content
from domicile.apps.region.foundation import Foundation
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.jobs.batch_files import BatchFiles
from domicile.data_plane.jobs.batch_leases import BatchLeases
from domicile.data_plane.jobs.batch_rows import BatchRows
from domicile.data_plane.jobs.batch_work import BatchWork
from domicile.data_plane.jobs.caller import BatchCallers
from domicile.data_plane.jobs.chunk_queue import ChunkQueue
from domicile.data_plane.jobs.inference_lines import InferenceLines, batch_models
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.jobs.pace import Pace
from domicile.data_plane.jobs.sealed_texts import SealedTexts
from domicile.data_plane.jobs.service import BatchService
from domicile.data_plane.jobs.usage import MeteredUsage
from domicile.data_plane.jobs.worker import Worker
from domicile.data_plane.limits.spending import SpendingGate
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.policy.residency import ResidencyPolicy


@dataclass(frozen=True, slots=True)
class Batches:
    """`rows` destroys what a destroyed project has of batches; `worker` runs while the process does."""

    service: BatchService
    worker: Worker
    rows: BatchRows


def build_batches(
    base: Foundation,
    *,
    content: Content,
    policy: ResidencyPolicy,
    blocks: Blocks,
    inference: Inference,
    meter: Meter,
    gate: SpendingGate,
    observer: JobObserver,
) -> Batches:
    """`inference` records usage with a `LineMeter`; `meter` gets it once the lines are committed."""
    database, clock, objects, pace = base.storage.region, base.clock, content.objects, Pace()
    files = BatchFiles(database, objects, content.keys, clock)
    rows, texts, find_model = BatchRows(database, objects, clock), SealedTexts(content.keys), batch_models(policy)
    callers = BatchCallers(base.settings.code, base.snapshots, blocks)

    def tokens_max(project_id: str, model: str) -> int | None:
        return callers.tokens_max(project_id, policy.eligible_model(Endpoint.BATCHES, model))

    leases = BatchLeases(database, objects, files, clock)
    worker = Worker(
        queue=ChunkQueue(database, objects, clock),
        rows=rows,
        work=BatchWork(leases, objects, texts, find_model, pace, observer, tokens_max),
        objects=objects,
        runner=InferenceLines(inference, callers, find_model),
        ledger=MeteredUsage(meter),
        is_archived=callers.is_archived,
        lines_at_once=base.settings.batches.lines_at_once,
        observer=observer,
        pace=pace,
    )
    return Batches(BatchService(rows, files, texts, policy, gate, worker.wake), worker, rows)
