"""One writer, several readers, and nothing lost between processes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from domicile.persistence.database import Database, sqlite_url
from domicile.persistence.unavailable import DatabaseUnavailableError
from tests.platform.processes import Process, eventually


@pytest_asyncio.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(sqlite_url(tmp_path / "test.db"))
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        await connection.execute(text("CREATE TABLE child (parent INTEGER REFERENCES parent(id))"))
    yield database
    await database.close()


async def count(database: Database) -> int:
    async with database.reading() as connection:
        number: int = (await connection.execute(text("SELECT count(*) FROM parent"))).scalar_one()
        return number


def test_two_processes_that_read_and_then_write_lose_nothing(tmp_path: Path) -> None:
    """Both open a database that does not exist yet, so the change to WAL is raced for as well."""
    file, times = tmp_path / "counter.db", 150
    processes = [
        Process("tests.component.persistence.incrementer", str(file), str(times), log=tmp_path / f"{name}.log").start()
        for name in ("one", "two")
    ]
    eventually(lambda: not any(process.is_running for process in processes), within_s=60, what="both are done")
    assert [process.stop() for process in processes] == [0, 0], [process.log.read_text() for process in processes]

    async def counted() -> int:
        database = Database(sqlite_url(file))
        async with database.reading() as connection:
            value: int = (await connection.execute(text("SELECT value FROM counter"))).scalar_one()
        await database.close()
        return value

    assert asyncio.run(counted()) == 2 * times


async def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO parent VALUES (1)"))
            raise RuntimeError
    assert await count(database) == 0
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO parent VALUES (1)"))
    assert await count(database) == 1


async def test_a_cancelled_transaction_leaves_nothing_and_the_writer_usable(database: Database) -> None:
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO parent VALUES (1)"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.wait_for(inside.wait(), 30)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    async with asyncio.timeout(30), database.transaction() as connection:
        await connection.execute(text("INSERT INTO parent VALUES (2)"))
    assert await count(database) == 1


async def test_a_reader_keeps_its_view_and_does_not_wait_for_the_writer(database: Database) -> None:
    async with asyncio.timeout(30), database.reading() as view:
        assert (await view.execute(text("SELECT count(*) FROM parent"))).scalar() == 0
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO parent VALUES (1)"))
            assert await count(database) == 0
        assert (await view.execute(text("SELECT count(*) FROM parent"))).scalar() == 0
    assert await count(database) == 1


async def test_every_connection_is_set_up(database: Database) -> None:
    for connecting in (database.transaction, database.reading):
        async with connecting() as connection:
            found = {
                name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "temp_store")
            }
        # 2 is FULL: what is committed is on disk. Temporary tables stay in memory: content must not reach a file.
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "temp_store": 2}


async def test_a_full_disk_is_a_database_that_cannot_work_now(database: Database) -> None:
    async with database.transaction() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(DatabaseUnavailableError) as raised:
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE more AS SELECT hex(randomblob(100000)) AS secret"))
    assert str(raised.value) == "OperationalError", "no statement and no values"
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO parent VALUES (1)"))
    assert await count(database) == 1


async def test_a_wrong_statement_is_a_defect(database: Database) -> None:
    """It would be wrong another time as well."""
    for statement in ("SELECT nothing FROM parent", "INSERT INTO child VALUES (7)"):
        with pytest.raises(DBAPIError) as raised:
            async with database.transaction() as connection:
                await connection.execute(text(statement))
        assert not isinstance(raised.value, DatabaseUnavailableError)


def test_another_database_is_refused() -> None:
    for url in ("postgresql://h/d", "postgresql+psycopg://h/d", "mysql+aiomysql://h/d", "sqlite:///f"):
        with pytest.raises(ValueError, match="a database URL starts with"):
            Database(url)
