"""Reservation -> Placement: an engine of this region, or an error. Holds what is known of each engine's health and load.

There is nothing here that could name an engine of another region: the router is built from this region's settings, whose
engines were checked against its countries when they were read. Two engines serve one snapshot only when both are in one
equivalence group, which was checked there too, so whatever is bound to a snapshot may stand in for the others.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.circuit_breaker import CircuitBreaker, Trial
from domicile.data_plane.limits.reservation import Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.kernel import errors
from domicile.kernel.fair_turns import FairTurns
from domicile.settings.engines import JSON_SCHEMA, EngineSettings

# How often a request may be given to another engine, before the first byte of an answer. Once: a request that brings
# engines down must not bring down all of them.
RETRIES = 1


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an admitted request runs. Made only here."""

    reservation: Reservation
    engine: str
    """The engine's name in this region's settings."""
    engine_model: str
    """What that engine calls the model."""
    label: str
    country: str
    operator: str
    left_out: frozenset[str] = frozenset()
    """Parameters of the request that this engine is not sent."""
    ignored: frozenset[str] = frozenset()
    """Of these, the ones that ask for something: the caller is told."""


@dataclass(slots=True)
class EngineCondition:
    """How an engine is, as probes and requests have seen it, and how much it has to do."""

    name: str
    turns: FairTurns
    """Who runs and waits. `engines/queue` takes the turns."""
    breaker: CircuitBreaker
    alive: bool = False
    is_probed: bool = True
    answers: int = 0
    """How often it has answered a request, wholly or in part."""
    chosen_last: int = 0
    """When it was chosen last, in choices."""

    @property
    def outstanding(self) -> int:
        """Requests that it has not ended."""
        return self.turns.running + self.turns.waiting

    @property
    def is_usable(self) -> bool:
        """Whether a request may be tried now."""
        return self.alive and self.breaker.allows()

    def answered(self) -> None:
        """It has answered a request, or gone on with an answer."""
        self.answers += 1

    def unreached(self, trial: Trial | None = None) -> None:
        """Nobody listens there: until a probe finds somebody, or for a pause where none is made."""
        if self.is_probed:
            self.alive = False
        else:
            self.breaker.failed(trial, at_once=True)


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine as its operator declared it, and how it is."""

    name: str
    label: str
    country: str
    operator: str
    healthy: bool
    circuit_open: bool
    running: int
    waiting: int


@dataclass(slots=True)
class _Engine:
    settings: EngineSettings
    condition: EngineCondition
    refused: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.refused = self.settings.refused_parameters


class Router:
    """Chooses among the healthy engines bound to the requested snapshot the one with the least to do; of those that have
    equally little, the one chosen least recently."""

    def __init__(
        self,
        engines: Iterable[EngineSettings],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engines = {
            engine.name: _Engine(
                engine,
                EngineCondition(engine.name, _turns(engine), CircuitBreaker(monotonic)),
            )
            for engine in engines
        }
        self._by_binding: defaultdict[tuple[Endpoint, str], list[_Engine]] = defaultdict(list)
        """The engines that answer for a snapshot at an endpoint. They never change: found once, not for each request."""
        for engine in self._engines.values():
            for snapshot in engine.settings.models:
                for endpoint in Endpoint:
                    if engine.settings.serves(endpoint, snapshot):
                        self._by_binding[endpoint, snapshot].append(engine)
        self._choices = 0

    def route(
        self, reservation: Reservation, *, needs: frozenset[str] | None = None, tried: frozenset[str] = frozenset()
    ) -> Placement:
        """An engine not in `tried`. `needs`: the modalities it must have, where they are fewer than those admitted.

        What no bound engine can serve is said here, last of all rules (design 4.3)."""
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
        free = [engine for engine in usable if engine.condition.turns.has_room(project)]
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
        """Whether any engine answers for the snapshot at the endpoint, however it is at the moment."""
        return bool(self._bound(endpoint, snapshot))

    def has_able(self, reservation: Reservation, needs: frozenset[str]) -> bool:
        """Whether any engine that is bound to an admitted request's snapshot has the modalities."""
        admission = reservation.admission
        bound = self._bound(admission.endpoint, admission.model.name)
        return any(needs <= engine.settings.modalities for engine in bound)

    def labels(self, snapshot: str) -> tuple[str, ...]:
        """The public names of the engines bound to a snapshot: what really answers."""
        settings = (engine.settings for engine in self._engines.values())
        return tuple(sorted({engine.label for engine in settings if snapshot in engine.models}))

    def condition(self, engine: str) -> EngineCondition:
        """What is known of one engine. Raises KeyError for one that is not of this region."""
        return self._engines[engine].condition

    def report(self, engine: str, *, healthy: bool) -> bool:
        """What a probe has just seen of an engine. Returns whether that is news."""
        condition = self._engines[engine].condition
        news = condition.alive != healthy
        condition.alive = healthy
        if news and healthy:
            # It was away, and may have come back another: what it failed before is not held against it for long.
            condition.breaker.try_soon()
        return news

    def trust(self, engine: str) -> None:
        """No probe will ever tell: it is taken for alive."""
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
            )
            for engine in self._engines.values()
        )

    @property
    def any_healthy(self) -> bool:
        """Whether at least one engine answers. A region that has none waits for none: it answers for its models, of which
        there are none."""
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
                f"No engine of this region can serve this model with: {named}. Send other input, or name another model.",
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


def _turns(engine: EngineSettings) -> FairTurns:
    """One project alone may use the whole engine, and half of its queue: the other half is for the others."""
    return FairTurns(
        places=engine.max_concurrency,
        places_of_one=engine.max_concurrency,
        waiting=engine.max_queue,
        waiting_of_one=(engine.max_queue + 1) // 2,
    )


def _param(admission: Admission, missing: list[str]) -> str:
    """The member that asks for too much: the first image itself, or else where the endpoint's input is."""
    if admission.first_image is not None and missing in ([], ["image"]):
        return admission.first_image
    return admission.endpoint.input_member
