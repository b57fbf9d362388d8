"""Builds the region's subscription to snapshots, and what each snapshot sets in motion: destruction, and checks."""

from collections.abc import Callable, Sequence

from domicile.apps.region.foundation import Foundation
from domicile.apps.region.request_path import RequestPath
from domicile.boundary.audit import RegionEventType, ServiceCheck
from domicile.data_plane.control_link import ControlLink
from domicile.data_plane.destruction import Destruction
from domicile.data_plane.identity import Enrollment
from domicile.data_plane.snapshot.repository import SnapshotRepository
from domicile.data_plane.snapshot.subscription import SnapshotSubscription
from domicile.data_plane.snapshot.table import SnapshotTable
from domicile.data_plane.storage.escrow import exports_of
from domicile.data_plane.storage.outside_checks import OutsideChecks


def build_destruction(base: Foundation, path: RequestPath) -> Destruction:
    """The task that destroys a project's stored content after a snapshot reports the project as destroyed."""
    database = base.storage.region

    async def report(project_id: str) -> None:
        async with database.reading() as connection:
            exports = await exports_of(connection, project_id)
        await path.meter.event_on_disk(RegionEventType.PROJECT_DESTROYED, project_id, exports=exports)

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
    return Destruction(database, base.clock, destroyers, report)


def build_outside_checks(base: Foundation, path: RequestPath) -> OutsideChecks:
    """The task that tries customers' own keys and buckets."""

    async def report(kind: RegionEventType, service_check: ServiceCheck) -> None:
        await path.meter.event_on_disk(kind, service_check=service_check)

    content = path.content
    return OutsideChecks(
        base.storage.region, base.clock, keys=content.external_keys, storages=content.stores, report=report
    )


async def restore_subscription(
    base: Foundation,
    path: RequestPath,
    link: ControlLink,
    enrollment: Enrollment,
    notices: Sequence[Callable[[SnapshotTable], None]],
) -> SnapshotSubscription:
    """Make the subscription to snapshots, and put the last verified snapshot into force.

    `notices`: each gets every table that comes into force.
    """

    def notify(table: SnapshotTable) -> None:
        for notice in notices:
            notice(table)

    subscription = SnapshotSubscription(
        link,
        SnapshotRepository(base.storage.region),
        base.snapshots,
        region=base.settings.code,
        enrollment=enrollment,
        clock=base.clock,
        on_event=path.meter.event,
        on_snapshot=notify,
    )
    await subscription.restore()
    return subscription
