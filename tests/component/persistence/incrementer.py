"""Adds one to a number in a database, many times, each time by reading and then writing it.

python -m tests.component.persistence.incrementer FILE TIMES
"""

import asyncio
import sys
from pathlib import Path

from sqlalchemy import text

from domicile.persistence.database import Database, sqlite_url


async def increment(file: Path, times: int) -> None:
    database = Database(sqlite_url(file))
    for _ in range(times):
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS counter (value INTEGER)"))
            value = (await connection.execute(text("SELECT value FROM counter"))).scalar()
            # Between reading and writing the other process gets its chance.
            await asyncio.sleep(0)
            statement = "INSERT INTO counter VALUES (:value)" if value is None else "UPDATE counter SET value = :value"
            await connection.execute(text(statement), {"value": (value or 0) + 1})
    await database.close()


if __name__ == "__main__":
    asyncio.run(increment(Path(sys.argv[1]), int(sys.argv[2])))
