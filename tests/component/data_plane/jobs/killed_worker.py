"""A process with one worker, which works until it is killed. After so many lines each further one waits for ever.

python -m tests.component.data_plane.jobs.killed_worker FOLDER REGION_URL METERING_URL LEASE_MS ANSWERS
"""

import asyncio
import sys
from pathlib import Path

from domicile.persistence.database import Database
from tests.component.data_plane.jobs.workshop import workshop


async def main(folder: Path, region_url: str, metering_url: str, lease_ms: int, answers: int) -> None:
    region, metering = Database(region_url), Database(metering_url)
    async with workshop(folder, region, metering, lease_ms=lease_ms) as shop:
        await shop.worker(shop.runner(answers=answers)).run()


if __name__ == "__main__":
    _, place, region_database, metering_database, lease, count = sys.argv
    asyncio.run(main(Path(place), region_database, metering_database, int(lease), int(count)))
