"""Composes a configured region from its builders, in the order of their dependencies."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from domicile.apps.region.enrollment import identify, open_link
from domicile.apps.region.foundation import Foundation
from domicile.apps.region.operator import RegionOperator
from domicile.apps.region.request_path import RequestPath, build_request_path
from domicile.apps.region.storage import open_storage
from domicile.apps.region.subscription import build_destruction, build_outside_checks, restore_subscription
from domicile.catalogue.catalogue import load_catalogue
from domicile.data_plane.clock import RegionClock
from domicile.data_plane.egress import EgressPolicy
from domicile.data_plane.engines.waits import EngineWaits
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.metering.sender import OutboxSender
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.geography import country_set
from domicile.kernel.ids import new_id
from domicile.settings.installation import Installation, RegionSettings

SPENDING_PATIENCE_S = 5.0
"""A month's ledger of a million requests is summed in about three seconds."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region that is ready to serve. `background`: tasks that run as long as the process."""

    path: RequestPath
    operator: RegionOperator
    background: tuple[Callable[[], Coroutine[Any, Any, None]], ...]


async def compose_region(
    installation: Installation,
    settings: RegionSettings,
    clock: RegionClock,
    stack: AsyncExitStack,
    *,
    runs_batches: bool,
) -> Region:
    """Build a region, and enroll it at the first start. `stack` closes what is opened. Raises like the builders."""
    replica, operator = new_id("rep_"), RegionOperator(settings)
    egress = EgressPolicy(country_set(settings.countries))
    storage = await open_storage(settings, egress, stack)
    identity, enrollment = await identify(installation.control, settings, storage.region, clock)
    link = open_link(installation.control, identity, replica, clock, stack)
    base = Foundation(
        settings=settings,
        catalogue=load_catalogue(installation.catalogue_file),
        installation_id=enrollment.installation_id,
        clock=clock,
        egress=egress,
        storage=storage,
        snapshots=CurrentSnapshot(),
    )
    path = await build_request_path(base, stack, observer=operator.work, job_observer=operator.jobs)
    destruction, checks = build_destruction(base, path), build_outside_checks(base, path)
    notices = (destruction.notice, checks.notice, path.spending.notice)
    subscription = await restore_subscription(base, path, link, enrollment, notices)
    # Before the first request: until then those with a spending limit are refused.
    await path.spending.begin(SPENDING_PATIENCE_S)
    operator.show(replica, base, path)
    waits = EngineWaits(path.engines.router.batch_gates, storage.region, clock, replica)
    background = (
        subscription.run,
        subscription.watch_root_key,
        OutboxSender(MeteringRepository(storage.metering), link, path.meter).run,
        path.spending.run,
        path.engines.probe.run,
        path.blocks.run,
        destruction.run,
        checks.run,
        path.image_links.run,
        path.content.files.run,
        path.content.uploads.run,
        path.content.objects.run,
        path.content.keys.run,
        *path.limits.background,
        *((path.batches.worker.run,) if runs_batches else ()),
        *((waits.run,) if storage.region.is_shared else ()),
    )
    return Region(path, operator, background)
