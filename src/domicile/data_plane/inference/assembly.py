"""The story with all its preparations: what a region serves requests with."""

from collections.abc import Mapping, Sequence

from domicile.data_plane.engines.port import Engine
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inference.recording_length import RecordingLength
from domicile.data_plane.inference.spoken_parts import SpokenParts
from domicile.data_plane.inference.story import Inference
from domicile.data_plane.limits.reservation import Limits
from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router
from domicile.kernel.clock import Clock


def assembled(
    *,
    policy: ResidencyPolicy,
    limits: Limits,
    router: Router,
    engines: Mapping[str, Engine],
    meter: Meter,
    clock: Clock,
    salted_engines: frozenset[str],
    preparations: Sequence[Preparation] = (),
) -> Inference:
    """See `Inference`. A preparation that asks an engine itself does so by a story without that preparation.

    `preparations`: those that the region's own parts bring along.
    """
    length = RecordingLength()

    def story(*steps: Preparation) -> Inference:
        return Inference(
            policy=policy,
            limits=limits,
            router=router,
            engines=engines,
            meter=meter,
            clock=clock,
            salted_engines=salted_engines,
            preparations=steps,
        )

    return story(*preparations, length, SpokenParts(policy=policy, router=router, inference=story(length)))
