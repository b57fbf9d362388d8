"""The story with all its preparations: what a region serves requests with."""

from collections.abc import Sequence

from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inference.recording_length import RecordingLength
from domicile.data_plane.inference.spoken_parts import SpokenParts
from domicile.data_plane.inference.story import Inference
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router


def assembled(
    inference: Inference,
    *,
    policy: ResidencyPolicy,
    router: Router,
    inspector: Inspector,
    preparations: Sequence[Preparation] = (),
) -> Inference:
    """The same inference with every step before routing. `preparations`: those that the region's own parts bring along.

    A preparation that asks an engine itself does so by a story without that preparation.
    """
    length = RecordingLength(inspector)
    spoken = SpokenParts(policy=policy, router=router, inference=inference.prepared_by(length))
    return inference.prepared_by(*preparations, length, spoken)
