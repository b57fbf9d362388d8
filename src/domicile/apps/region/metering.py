"""The meter of a region: one writer of its ledger."""

from domicile.apps.region.foundation import Foundation
from domicile.data_plane.metering.meter import Meter, MeterObserver
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.kernel.ids import new_id


async def open_meter(base: Foundation, observer: MeterObserver) -> Meter:
    """A new writer, registered. It writes once its `run` is started. `observer` is told of every entry, for the metrics."""
    usage = base.settings.usage
    meter = Meter(
        MeteringRepository(base.storage.metering),
        base.snapshots,
        region=base.settings.code,
        writer=new_id("wr_"),
        clock=base.clock,
        durable=usage.durable,
        report_every_s=usage.report_every_s,
        observer=observer,
    )
    await meter.start()
    return meter
