"""Opens the engines of a region: connections, health and queues."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.port import Engine
from domicile.data_plane.engines.probe import EngineProbe
from domicile.data_plane.engines.queue import queued
from domicile.data_plane.engines.upstream import Upstream
from domicile.data_plane.engines.vendors.choice import vendor_of
from domicile.data_plane.limits.places import EnginePlaces
from domicile.data_plane.routing import Router
from domicile.settings.engines import EngineSettings


@dataclass(frozen=True, slots=True)
class Engines:
    """All engines of a region. An engine counts as healthy only after a successful probe or request."""

    router: Router
    queued: Mapping[str, Engine]
    """The engines by name, each behind its queue."""
    probe: EngineProbe


def open_engines(
    settings: Sequence[EngineSettings],
    egress: EgressPolicy,
    places: EnginePlaces,
    stack: AsyncExitStack,
    *,
    entitled: Callable[[Collection[str]], bool],
) -> Engines:
    """Open the engines. `stack` closes their connections.

    `places`: those that this process may use. `entitled`: whether capacity is bought for any of the models.

    Raises `EgressRefusedError` for an engine outside the region's countries, `EngineKeyError` if a key cannot be read.
    """
    upstreams = [Upstream(engine, egress, vendor_of(engine)) for engine in settings]
    for upstream in upstreams:
        stack.push_async_callback(upstream.close)
    router = Router(settings, places=places, entitled=entitled)
    return Engines(router, queued(settings, upstreams, router), EngineProbe(upstreams, router))
