"""Builds the request lifecycle of a region, with its preparations."""

from collections.abc import Sequence

from domicile.data_plane.inference.audio_transcripts import AudioTranscripts
from domicile.data_plane.inference.completion import Completion
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inference.recording_length import RecordingLength
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.routing import Router


def build_inference(
    inference: Inference,
    *,
    policy: ResidencyPolicy,
    router: Router,
    inspector: Inspector,
    preparations: Sequence[Preparation] = (),
    completions: Sequence[Completion] = (),
) -> Inference:
    """The same inference with every step before routing and after metering.

    `preparations` and `completions`: those of the region's own parts, such as its storage.

    A preparation that asks an engine itself runs a request lifecycle without that preparation.
    """
    length = RecordingLength(inspector)
    transcripts = AudioTranscripts(policy=policy, router=router, inference=inference.with_steps(length))
    return inference.with_steps(*preparations, length, transcripts, completions=tuple(completions))
