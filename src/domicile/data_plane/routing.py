"""Reservation -> Placement: an engine of this region, or an error. Holds what is known of each engine's health.

There is nothing here that could name an engine of another region: the router is built from this region's settings, whose
engines were checked against its countries when they were read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from domicile.data_plane.limits.reservation import Reservation
from domicile.kernel import errors
from domicile.settings.installation import EngineSettings


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


@dataclass(frozen=True, slots=True)
class EngineState:
    """An engine as its operator declared it, and whether it answers."""

    name: str
    label: str
    country: str
    operator: str
    healthy: bool


class Router:
    """Chooses among the healthy engines bound to the requested snapshot; the one chosen least recently goes first."""

    def __init__(
        self, engines: Iterable[EngineSettings], parameters_of: Callable[[Reservation], frozenset[str]]
    ) -> None:
        """`parameters_of` names the parameters that a request sets, so that engines which cannot honour one are passed over."""
        self._engines = {engine.name: engine for engine in engines}
        self._parameters_of = parameters_of
        self._healthy: set[str] = set()
        self._turn = dict.fromkeys(self._engines, 0)
        self._clock = 0

    def route(
        self, reservation: Reservation, *, needs: frozenset[str] | None = None, tried: frozenset[str] = frozenset()
    ) -> Placement:
        """An engine not in `tried`. `needs`: the modalities it must have, where they are fewer than those admitted.

        What no bound engine can serve is said here, last of all rules (design 4.3)."""
        snapshot = reservation.admission.model.name
        bound = [engine for engine in self._engines.values() if snapshot in engine.models]
        if not bound:
            raise errors.model_not_found(reservation.admission.requested)
        able = self._able(bound, reservation, reservation.admission.needs if needs is None else needs)
        healthy = [engine for engine in able if engine.name in self._healthy and engine.name not in tried]
        if not healthy:
            raise errors.engine_unavailable()
        chosen = min(healthy, key=lambda engine: self._turn[engine.name])
        self._clock += 1
        self._turn[chosen.name] = self._clock
        return Placement(
            reservation, chosen.name, chosen.models[snapshot], chosen.label, chosen.country, chosen.operator
        )

    def labels(self, snapshot: str) -> tuple[str, ...]:
        """The public names of the engines bound to a snapshot: what really answers."""
        return tuple(sorted({engine.label for engine in self._engines.values() if snapshot in engine.models}))

    def report(self, engine: str, *, healthy: bool) -> bool:
        """What a probe or a request has just seen of an engine. Returns whether that is news."""
        news = (engine in self._healthy) != healthy
        if healthy:
            self._healthy.add(engine)
        else:
            self._healthy.discard(engine)
        return news

    def states(self) -> tuple[EngineState, ...]:
        """Every engine of this region, in the order of the configuration."""
        return tuple(
            EngineState(engine.name, engine.label, engine.country, engine.operator, engine.name in self._healthy)
            for engine in self._engines.values()
        )

    @property
    def any_healthy(self) -> bool:
        """Whether at least one engine answers. A region that has none waits for none: it answers for its models, of which
        there are none."""
        return bool(self._healthy) or not self._engines

    def _able(
        self, bound: list[EngineSettings], reservation: Reservation, needs: frozenset[str]
    ) -> list[EngineSettings]:
        with_modalities = [engine for engine in bound if needs <= engine.modalities]
        if not with_modalities:
            missing = sorted(needs - frozenset().union(*(engine.modalities for engine in bound)))
            named = ", ".join(missing or sorted(needs))
            raise errors.modality_not_supported(
                "messages", f"No engine of this region can serve this model with: {named}. Send text only."
            )
        parameters = self._parameters_of(reservation)
        able = [engine for engine in with_modalities if not parameters & engine.unsupported_parameters]
        if not able:
            refused = sorted(parameters & with_modalities[0].unsupported_parameters)[0]
            raise errors.unsupported_parameter(
                refused, f"The engine '{with_modalities[0].label}', which serves this model here, cannot honour it."
            )
        return able
