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
from domicile.data_plane.limits.entitlements import EntitledModels
from domicile.data_plane.limits.rate_limiter import RateLimiter, rate_limits_of
from domicile.data_plane.limits.reservation import Unlimited
from domicile.data_plane.limits.scale_tier import ScaleTier
from domicile.data_plane.limits.spending import SpendingGate, SpendingLimits, Spent
from domicile.data_plane.metering.meter import Meter, MeterObserver, Observers
from domicile.data_plane.metering.spending_ledger import SpendingLedger, SpendingObserver
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
    spending: SpendingLedger
    limits: CountedLimits


@dataclass(frozen=True, slots=True)
class _Metering:
    """The meter, and what holds spending limits by it."""

    meter: Meter
    gate: SpendingGate
    counter: SpendingObserver
    ledger: SpendingLedger


async def _open_metering(base: Foundation, observer: MeterObserver) -> _Metering:
    spent = Spent(base.clock)
    counter = SpendingObserver(spent, base.snapshots)
    meter = await open_meter(base, Observers(observer, counter))
    ledger = SpendingLedger(spent, base.storage.metering, base.snapshots, meter, base.clock)
    return _Metering(meter, SpendingGate(spent), counter, ledger)


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
    metered = await _open_metering(base, observer)
    meter, gate = metered.meter, metered.gate
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
    entitled = EntitledModels(base.snapshots, clock)
    engines = open_engines(settings.engines, base.egress, limits.places, stack, entitled=entitled.include_any)
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
    rate_limiter = RateLimiter(rate_limits_of, limits.quotas, ScaleTier(limits.quotas, clock))
    inference = build(meter=meter, limits=SpendingLimits(rate_limiter, gate))
    batches = build_batches(
        base,
        content=content,
        policy=policy,
        blocks=blocks,
        inference=build(meter=LineMeter(metered.counter.line_ended), limits=SpendingLimits(Unlimited(), gate)),
        meter=meter,
        gate=gate,
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
    return RequestPath(endpoints, meter, blocks, engines, image_links, content, batches, metered.ledger, limits)
