"""Adds one to a number, many times, each time by reading and then writing it, in two tasks at once.

python -m tests.contract.database.incrementer URL TIMES
"""

import asyncio
import sys

from sqlalchemy import text

from domicile.persistence.database import Database


async def increment(database: Database, times: int) -> None:
    for _ in range(times):
        async with database.transaction() as connection:
            value = (await connection.execute(text("SELECT value FROM counter"))).scalar_one()
            # Between reading and writing the others get their chance.
            await asyncio.sleep(0)
            await connection.execute(text("UPDATE counter SET value = :value"), {"value": value + 1})


async def main(url: str, times: int) -> None:
    database = Database(url)
    await asyncio.gather(increment(database, times), increment(database, times))
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
