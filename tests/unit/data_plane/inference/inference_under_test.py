"""The request lifecycle without HTTP: what a batch runs too."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from domicile.boundary.snapshot import Shard
from domicile.boundary.usage import ServiceTier, Usage
from domicile.data_plane.engines.port import EngineCall
from domicile.data_plane.inference.completion import Completion
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.policy.admit import Admission
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database
from tests.unit.data_plane.metering.entries import in_ledger
from tests.unit.data_plane.region_parts import (
    KEY_ID,
    SetClock,
    current_snapshot,
    database_in,
    engine_settings,
    organization_record,
    project_record,
    region_settings,
    shipped_catalogue,
)

CALLER = Caller(organization_record(), project_record(), KEY_ID, "eu")


class ScriptedEngine:
    """Answers every call alike, and remembers the calls."""

    def __init__(self, reply: bytes, events: Sequence[bytes] = ()) -> None:
        self._reply = reply
        self._events = events
        self.calls: list[EngineCall] = []

    async def complete(self, call: EngineCall) -> bytes:
        self.calls.append(call)
        return self._reply

    async def stream(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        self.calls.append(call)
        return self._pieces()

    async def stream_bytes(self, call: EngineCall) -> AsyncGenerator[bytes, None]:
        return await self.stream(call)

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        for event in self._events:
            yield event


@dataclass
class InferenceUnderTest:
    """It, and what is seen of it. As its limits it notes what is settled."""

    database: Database
    steps: list[str] = field(default_factory=list)
    """What has happened after the engine, in order. Completions of tests add theirs."""
    inference: Inference = field(init=False)
    meter: Meter = field(init=False)

    async def reserve(self, admission: Admission, _demand: Demand) -> Reservation:
        return Reservation(admission, ServiceTier.DEFAULT)

    async def settle(self, _reservation: Reservation, usage: Usage) -> None:
        self.steps.append(f"settled {usage.images or usage.output_tokens}")

    async def ledger(self) -> list[Any]:
        await self.meter.flush()
        return await in_ledger(self.database)


@asynccontextmanager
async def inference_under_test(
    folder: Path, engine: ScriptedEngine, models: Sequence[str], completions: Sequence[Completion] = ()
) -> AsyncIterator[InferenceUnderTest]:
    clock = SetClock()
    snapshots = current_snapshot(Shard("eu", 0, (organization_record(),), (project_record(),), ()))
    async with database_in(folder, "metering") as database:
        tested = InferenceUnderTest(database)
        repository, writer = MeteringRepository(database), new_id("wr_")
        await repository.open_writer(writer, clock.now_ms())
        tested.meter = Meter(repository, snapshots, region="eu", writer=writer, clock=clock, durable=False)
        router = Router([engine_settings("one", models=dict.fromkeys(models, "its-name"))])
        router.report("one", healthy=True)
        inference = Inference(
            policy=ResidencyPolicy.for_region(region_settings(folder), shipped_catalogue()),
            limits=tested,
            router=router,
            engines={"one": engine},
            meter=tested.meter,
            clock=clock,
            salted_engines=frozenset(),
        )
        tested.inference = inference.with_steps(completions=tuple(completions))
        yield tested
