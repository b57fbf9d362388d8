"""Opens the meter of a region, a writer of the region's ledger."""

from domicile.apps.region.foundation import Foundation
from domicile.data_plane.metering.meter import Meter, MeterObserver
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.kernel.ids import new_id


async def open_meter(base: Foundation, observer: MeterObserver) -> Meter:
    """Register a new writer. It writes only while its `run` is running. `observer`: gets every entry, for the metrics."""
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
