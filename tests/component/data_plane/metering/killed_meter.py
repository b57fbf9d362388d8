"""A process that meters, says what is on disk and what is not yet, and is then killed from outside.

python -m tests.component.data_plane.metering.killed_meter FOLDER [--durable]
"""

import asyncio
import sys
from pathlib import Path

from domicile.data_plane.metering.meter import Meter
from domicile.data_plane.metering.repository import MeteringRepository
from domicile.data_plane.snapshot.table import CurrentSnapshot
from domicile.kernel.ids import new_id
from tests.unit.data_plane.metering.entries import ledger_entry
from tests.unit.data_plane.region_parts import SetClock, database_in


async def main(folder: Path, *, durable: bool) -> None:
    async with database_in(folder, "metering") as database:
        meter = Meter(
            MeteringRepository(database),
            CurrentSnapshot(),
            region="eu",
            writer=new_id("wr_"),
            clock=SetClock(),
            durable=durable,
        )
        await meter.start()
        if durable:
            running = asyncio.create_task(meter.run())
            for number in range(20):
                meter.record(ledger_entry(f"settled-{number}"))
            await meter.settled()
        else:
            for number in range(20):
                meter.record(ledger_entry(f"settled-{number}"))
            await meter.flush()
            meter.record(ledger_entry("not-yet-flushed"))
        print("ready", flush=True)
        await asyncio.Event().wait()
        await running


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), durable="--durable" in sys.argv))
