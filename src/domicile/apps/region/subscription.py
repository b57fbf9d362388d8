"""Builds the region's subscription to snapshots, and the destruction of projects that a snapshot reports as destroyed."""

from functools import partial

from domicile.apps.region.foundation import Foundation
from domicile.apps.region.request_path import RequestPath
from domicile.boundary.audit import RegionEventType
from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.destruction import Destruction
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.subscription import SnapshotSubscription


def build_destruction(base: Foundation, path: RequestPath) -> Destruction:
    """The task that destroys a project's stored content after a snapshot reports the project as destroyed."""
    report = partial(path.meter.event_on_disk, RegionEventType.PROJECT_DESTROYED)
    # Each part that stores content of projects has its destroyer in this list. The key goes first: without it nothing of the
    # rest can be opened.
    content = path.content
    destroyers = (
        content.keys.destroy,
        content.files.destroy,
        content.uploads.destroy,
        content.objects.destroy,
        path.image_links.destroy,
        path.batches.rows.destroy,
    )
    return Destruction(base.storage.region, base.clock, destroyers, report)


async def restore_subscription(
    base: Foundation, path: RequestPath, link: ControlLink, enrollment: Enrollment, destruction: Destruction
) -> SnapshotSubscription:
    """Make the subscription to snapshots, and put the last verified snapshot into force."""
    subscription = SnapshotSubscription(
        link,
        SnapshotRepository(base.storage.region),
        base.snapshots,
        region=base.settings.code,
        enrollment=enrollment,
        clock=base.clock,
        on_event=path.meter.event,
        on_snapshot=destruction.notice,
    )
    await subscription.restore()
    return subscription
