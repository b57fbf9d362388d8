"""Builds the request lifecycle of a region with its steps before and after the engine."""

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from domicile.apps.region.engines import Engines
from domicile.apps.region.foundation import Foundation
from domicile.confinement.surroundings import environment_of_child
from domicile.data_plane.engines.fetch import ImageFetcher
from domicile.data_plane.inference.audio_transcripts import AudioTranscripts
from domicile.data_plane.inference.image_links import LinkedImages, RoomForLinks
from domicile.data_plane.inference.lifecycle import Inference
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inference.recording_length import RecordingLength
from domicile.data_plane.inference.remote_images import FetchedImages
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.limits.reservation import Limits, Unlimited
from domicile.data_plane.metering.recorder import UsageRecorder
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.storage.image_links import ImageLinks
from domicile.settings.installation import RegionSettings


def build_inference(
    base: Foundation,
    *,
    policy: ResidencyPolicy,
    engines: Engines,
    meter: UsageRecorder,
    image_links: ImageLinks,
    inspector: Inspector,
    limits: Limits,
    preparations: Sequence[Preparation] | None = None,
) -> Inference:
    """Build the lifecycle. `preparations`: steps after admission; None fetches images that requests name by URL.

    Raises `EgressRefusedError` if a host in `fetch_hosts` is outside the region.
    """
    if preparations is None:
        preparations = (FetchedImages(ImageFetcher(base.settings.fetch_hosts, base.egress)),)
    inference = Inference(
        policy=policy,
        limits=limits,
        router=engines.router,
        engines=engines.queued,
        meter=meter,
        clock=base.clock,
        salted_engines=base.settings.salted_engines,
    )
    length = RecordingLength(inspector)
    # A step that calls an engine itself uses a lifecycle without that step. The caller's own request is reserved already.
    inner = inference.with_steps(length).with_limits(Unlimited())
    transcripts = AudioTranscripts(policy=policy, router=engines.router, inference=inner)
    return inference.with_steps(
        RoomForLinks(image_links), *preparations, length, transcripts, completions=(LinkedImages(image_links),)
    )


def open_inspector(settings: RegionSettings, stack: AsyncExitStack) -> Inspector:
    """Make the inspector. It starts its processes at the first recording; `stack` ends them."""
    # -P: Python must not import a file of the current folder instead of a module.
    command = (sys.executable, "-P", "-m", "domicile.apps.inspector", "--data", str(settings.data))
    inspector = Inspector(command, environment_of_child())
    stack.push_async_callback(inspector.close)
    return inspector
