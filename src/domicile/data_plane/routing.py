"""Reservation -> Placement: an engine of this region, or an error. Holds the health and load of each engine.

The router is built from this region's settings, so it cannot name an engine of another region. The settings have checked that
each engine stands in the region's countries, and that all engines of one snapshot are in one equivalence group. So any engine
bound to a snapshot may replace another.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.batch_gate import BatchGate
from domicile.data_plane.circuit_breaker import CircuitBreaker, Trial
from domicile.data_plane.limits.places import EnginePlaces
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.kernel import errors
from domicile.kernel.fair_turns import FairTurns
from domicile.settings.engines import JSON_SCHEMA, EngineSettings

# How often a request may go to another engine before the first byte of an answer. Once only: a request that crashes engines
# must not crash all of them.
RETRIES = 1


@dataclass(frozen=True, slots=True)
class Placement:
    """The engine that runs an admitted request. Only `Router.route` makes one."""

    reservation: Reservation
    engine: str
    """The engine's name in this region's settings."""
    engine_model: str
    """The engine's own name for the model."""
    label: str
    country: str
    operator: str
    left_out: frozenset[str] = frozenset()
    """Parameters of the request that must not be sent to this engine."""
    ignored: frozenset[str] = frozenset()
    """The part of `left_out` that would have had an effect. The caller is told."""


@dataclass(slots=True)
class EngineCondition:
    """Health and load of one engine, as probes and requests have seen them."""

    name: str
    turns: FairTurns
    """The running and waiting requests. `engines/queue` takes the turns."""
    breaker: CircuitBreaker
    batch_turns: FairTurns
    """Lines of batches that run or wait for a place in `turns`. They never take more places than `batch_places`."""
    batch_gate: BatchGate
    batch_places: Callable[[], int]
    """The places that lines of batches may hold now, in this process."""
    alive: bool = False
    is_probed: bool = True
    answers: int = 0
    """Signs of life from requests: answers, and parts of streamed answers."""
    chosen_last: int = 0
    """The number of the router's choice that last took this engine. 0: never."""

    @property
    def outstanding(self) -> int:
        """Requests that run or wait."""
        return self.turns.running + self.turns.waiting

    @property
    def is_usable(self) -> bool:
        """Whether the router may choose it now: alive, and the circuit breaker lets a request pass."""
        return self.alive and self.breaker.allows()

    def answered(self) -> None:
        """Record that it has answered a request, or continued an answer."""
        self.answers += 1

    def unreached(self, trial: Trial | None = None) -> None:
        """Record that no connection was possible. A probed engine is dead until a probe succeeds; else the breaker opens."""
        if self.is_probed:
            self.alive = False
        else:
            self.breaker.failed(trial, at_once=True)


@dataclass(frozen=True, slots=True)
class EngineState:
    """One engine for the operator's view: its settings, health and load."""

    name: str
    label: str
    country: str
    operator: str
    healthy: bool
    circuit_open: bool
    running: int
    waiting: int
    places: int
    """The places that this process may use now."""
    batch_places: int
    """The places that lines of batches may hold now."""


@dataclass(slots=True)
class _Engine:
    settings: EngineSettings
    condition: EngineCondition
    refused: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.refused = self.settings.refused_parameters


class Router:
    """Chooses the least loaded healthy engine bound to the snapshot; among equals, the least recently chosen one."""

    def __init__(
        self,
        engines: Iterable[EngineSettings],
        monotonic: Callable[[], float] = time.monotonic,
        places: EnginePlaces | None = None,
        *,
        entitled: Callable[[Collection[str]], bool] = lambda _models: False,
    ) -> None:
        """`places`: those of this process. None: it is the region's only one. `entitled`: whether capacity has been bought for
        any of the models now.
        """
        places = places or EnginePlaces(lambda: 1.0)
        self._engines = {
            engine.name: _Engine(engine, _condition(engine, monotonic, places, entitled)) for engine in engines
        }
        self._by_binding: defaultdict[tuple[Endpoint, str], list[_Engine]] = defaultdict(list)
        """The engines of each endpoint and snapshot. The settings never change, so this is computed once."""
        for engine in self._engines.values():
            for snapshot in engine.settings.models:
                for endpoint in Endpoint:
                    if engine.settings.serves(endpoint, snapshot):
                        self._by_binding[endpoint, snapshot].append(engine)
        self._choices = 0

    def route(
        self, reservation: Reservation, *, needs: frozenset[str] | None = None, tried: frozenset[str] = frozenset()
    ) -> Placement:
        """Choose an engine that is not in `tried`.

        `needs`: the modalities that the engine must support; None for all those of the admission. Raises 404 without a bound
        engine, 400 when no bound engine supports the request's modalities or parameters (design 4.3, the last rule), and 503
        when all are down, tried or full.
        """
        admission = reservation.admission
        snapshot = admission.model.name
        bound = self._bound(admission.endpoint, snapshot)
        if not bound:
            raise region_errors.model_not_found(admission.requested)
        able = self._able(bound, reservation, admission.needs if needs is None else needs)
        usable = [engine for engine in able if engine.condition.is_usable and engine.settings.name not in tried]
        if not usable or len(tried) > RETRIES:
            raise region_errors.engine_unavailable()
        project = admission.caller.project.project_id
        free = [engine for engine in usable if engine.condition.turns.has_room(project, reservation.rank)]
        if not free:
            raise region_errors.engine_unavailable(busy=True)
        chosen = min(free, key=lambda engine: (engine.condition.outstanding, engine.condition.chosen_last))
        self._choices += 1
        chosen.condition.chosen_last = self._choices
        engine = chosen.settings
        return Placement(
            reservation,
            engine.name,
            engine.models[snapshot],
            engine.label,
            engine.country,
            engine.operator,
            left_out=admission.wishes.left_out(chosen.refused),
            ignored=admission.wishes.ignorable & chosen.refused,
        )

    def is_bound(self, endpoint: Endpoint, snapshot: str) -> bool:
        """Whether any engine is bound to the snapshot at the endpoint, healthy or not."""
        return bool(self._bound(endpoint, snapshot))

    def has_able(self, reservation: Reservation, needs: frozenset[str]) -> bool:
        """Whether any engine bound to the admitted request's snapshot supports the modalities."""
        admission = reservation.admission
        bound = self._bound(admission.endpoint, admission.model.name)
        return any(needs <= engine.settings.modalities for engine in bound)

    def labels(self, snapshot: str) -> tuple[str, ...]:
        """The sorted public labels of the engines bound to a snapshot."""
        settings = (engine.settings for engine in self._engines.values())
        return tuple(sorted({engine.label for engine in settings if snapshot in engine.models}))

    def condition(self, engine: str) -> EngineCondition:
        """Health and load of one engine. Raises KeyError for an unknown name."""
        return self._engines[engine].condition

    @property
    def batch_gates(self) -> dict[str, BatchGate]:
        """The gate of each engine, by name."""
        return {name: engine.condition.batch_gate for name, engine in self._engines.items()}

    def report(self, engine: str, *, healthy: bool) -> bool:
        """Record a probe's result. Returns whether the engine's health has changed."""
        condition = self._engines[engine].condition
        news = condition.alive != healthy
        condition.alive = healthy
        if news and healthy:
            # The engine may have been restarted or replaced, so its earlier failures should not keep it out for long.
            condition.breaker.try_soon()
        return news

    def trust(self, engine: str) -> None:
        """Take an engine without a health URL for alive. Only its circuit breaker can keep requests away."""
        condition = self._engines[engine].condition
        condition.alive, condition.is_probed = True, False

    def states(self) -> tuple[EngineState, ...]:
        """Every engine of this region, in the order of the configuration."""
        return tuple(
            EngineState(
                engine.settings.name,
                engine.settings.label,
                engine.settings.country,
                engine.settings.operator,
                engine.condition.alive,
                engine.condition.breaker.is_open,
                engine.condition.turns.running,
                engine.condition.turns.waiting,
                engine.condition.turns.places,
                engine.condition.batch_places(),
            )
            for engine in self._engines.values()
        )

    @property
    def any_healthy(self) -> bool:
        """Whether at least one engine is alive. Also true for a region without engines, which is ready and lists no models."""
        return any(engine.condition.alive for engine in self._engines.values()) or not self._engines

    def _bound(self, endpoint: Endpoint, snapshot: str) -> Sequence[_Engine]:
        return self._by_binding.get((endpoint, snapshot), ())

    def _able(self, bound: Sequence[_Engine], reservation: Reservation, needs: frozenset[str]) -> list[_Engine]:
        with_modalities = [engine for engine in bound if needs <= engine.settings.modalities]
        if not with_modalities:
            missing = sorted(needs - frozenset().union(*(engine.settings.modalities for engine in bound)))
            named = ", ".join(missing or sorted(needs))
            raise region_errors.modality_not_supported(
                _param(reservation.admission, missing),
                f"No engine of this region accepts this input for this model: {named}. Send other input or name another model.",
            )
        wishes = reservation.admission.wishes
        parameters = wishes.asked - wishes.ignorable
        able = [engine for engine in with_modalities if not parameters & engine.refused]
        if not able:
            first = with_modalities[0]
            refused = sorted(parameters & first.refused)[0]
            label = first.settings.label
            if refused in JSON_SCHEMA:
                raise errors.unsupported_parameter(
                    JSON_SCHEMA[refused],
                    f"The engine '{label}', which serves this model here, cannot hold its output to a JSON schema.",
                )
            raise errors.unsupported_parameter(
                refused, f"The engine '{label}', which serves this model here, cannot honour it."
            )
        return able


def _turns(engine: EngineSettings, places: EnginePlaces, entitled: Callable[[Collection[str]], bool]) -> FairTurns:
    """The engine's queue. One project may use all places to run, and half of the places to wait.

    Places are reserved for scale traffic while capacity is bought for one of the engine's models.
    """
    pool = places.pool(engine.name, lambda: engine.max_concurrency)
    return pool.serve(
        FairTurns(
            places=pool.places,
            places_of_one=engine.max_concurrency,
            reserved=lambda now: engine.scale_places(now) if entitled(engine.models) else 0,
            waiting=engine.max_queue,
            waiting_of_one=(engine.max_queue + 1) // 2,
        )
    )


def _condition(
    engine: EngineSettings,
    monotonic: Callable[[], float],
    places: EnginePlaces,
    entitled: Callable[[Collection[str]], bool],
) -> EngineCondition:
    share = engine.max_concurrency if engine.preemptive else max(1, int(engine.max_concurrency * engine.batch_share))
    gate = BatchGate(share, monotonic, is_fixed=engine.preemptive)
    # The gates of all processes open and close together, so each process shares out what its own gate allows.
    pool = places.batch_pool(engine.name, gate.places)
    batch_turns = pool.serve(FairTurns(places=pool.places, places_of_one=share))
    turns = _turns(engine, places, entitled)
    return EngineCondition(engine.name, turns, CircuitBreaker(monotonic), batch_turns, gate, pool.places)


def _param(admission: Admission, missing: list[str]) -> str:
    """The member to name in the error: the first image if images are the problem, else the endpoint's input."""
    if admission.first_image is not None and missing in ([], ["image"]):
        return admission.first_image
    return admission.endpoint.input_member
