"""Builds the parts that handle a request, from the key to the receipt."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from domicile.apps.region.batches import Batches, build_batches
from domicile.apps.region.content import Content, open_content
from domicile.apps.region.engines import Engines, open_engines
from domicile.apps.region.foundation import Foundation
from domicile.apps.region.inference import build_inference, open_inspector
from domicile.apps.region.limits import CountedLimits, open_limits
from domicile.apps.region.metering import open_meter
from domicile.data_plane.blocks import Blocks
from domicile.data_plane.http.app import RegionEndpoints
from domicile.data_plane.http.auth import Authenticator
from domicile.data_plane.http.health import Health
from domicile.data_plane.http.models import Models
from domicile.data_plane.inference.preparation import Preparation
from domicile.data_plane.inspection.inspector import Inspector
from domicile.data_plane.jobs.line_meter import LineMeter
from domicile.data_plane.jobs.observer import JobObserver
from domicile.data_plane.limits.rate_limiter import RateLimiter, rate_limits_of
from domicile.data_plane.limits.reservation import Unlimited
from domicile.data_plane.metering.meter import Meter, MeterObserver
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.storage.image_links import ImageLinks


@dataclass(frozen=True, slots=True)
class RequestPath:
    """The endpoints, and the parts that also work in the background or are shown to the operator."""

    endpoints: RegionEndpoints
    meter: Meter
    blocks: Blocks
    engines: Engines
    image_links: ImageLinks
    content: Content
    batches: Batches
    limits: CountedLimits


async def build_request_path(
    base: Foundation,
    stack: AsyncExitStack,
    *,
    observer: MeterObserver,
    job_observer: JobObserver | None = None,
    inspector: Inspector | None = None,
    preparations: Sequence[Preparation] | None = None,
) -> RequestPath:
    """Build the request path and load the block list. `stack` closes what is opened. Raises like the builders.

    `inspector`, `preparations`: replace the region's own.
    """
    settings, clock = base.settings, base.clock
    meter = await open_meter(base, observer)
    blocks = Blocks(base.storage.region, clock)
    # Do not serve until the block list is loaded.
    await blocks.load()
    authenticator = Authenticator(settings.code, base.installation_id, base.snapshots, clock, blocks)
    content = await open_content(base, stack)
    image_links = ImageLinks(
        base.storage.region,
        clock,
        base_url=settings.base_url,
        is_live=authenticator.serves,
        outside_key=content.keys.outside_key,
    )
    limits = await open_limits(base, stack)
    engines = open_engines(settings.engines, base.egress, limits.places, stack)
    policy = ResidencyPolicy.for_region(settings, base.catalogue)
    build = partial(
        build_inference,
        base,
        policy=policy,
        engines=engines,
        image_links=image_links,
        inspector=inspector or open_inspector(settings, stack),
        preparations=preparations,
    )
    inference = build(meter=meter, limits=RateLimiter(rate_limits_of, limits.quotas))
    batches = build_batches(
        base,
        content=content,
        policy=policy,
        blocks=blocks,
        inference=build(meter=LineMeter(), limits=Unlimited()),
        meter=meter,
        observer=job_observer or JobObserver(),
    )
    endpoints = RegionEndpoints(
        authenticator=authenticator,
        health=Health(base.snapshots, engines.router),
        models=Models(policy, engines.router),
        inference=inference,
        image_links=image_links,
        policy=policy,
        files=content.files,
        uploads=content.uploads,
        batches=batches.service,
        region=settings.code,
    )
    return RequestPath(endpoints, meter, blocks, engines, image_links, content, batches, limits)
