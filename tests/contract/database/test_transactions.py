"""What the code relies on: of writers that read before they write one goes after the other, in any number of processes."""

import asyncio
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from tests.contract.database.conftest import NewUrl
from tests.platform.postgresql import PostgresServer
from tests.platform.processes import ROOT

from domicile.data_plane.egress import EgressPolicy, EgressRefusedError
from domicile.kernel.geography import country_set
from domicile.persistence.database import Database
from domicile.persistence.unavailable import DatabaseUnavailableError

TIMES = 60


async def test_processes_that_read_and_then_write_lose_nothing(new_url: NewUrl) -> None:
    url = new_url()
    database = Database(url)
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE counter (value INTEGER)"))
        await connection.execute(text("INSERT INTO counter VALUES (0)"))
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.contract.database.incrementer", url, str(TIMES), cwd=ROOT
        )
        for _ in range(2)
    ]
    assert [await process.wait() for process in processes] == [0, 0]
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT value FROM counter"))).scalar_one() == 2 * 2 * TIMES
    await database.close()


async def test_a_view_stays_as_it_was_and_waits_for_nobody(new_url: NewUrl) -> None:
    database = Database(new_url())
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE seen (value INTEGER)"))
    count = text("SELECT count(*) FROM seen")
    async with asyncio.timeout(10), database.reading() as view:
        assert (await view.execute(count)).scalar_one() == 0
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO seen VALUES (1)"))
            async with database.reading() as other:
                assert (await other.execute(count)).scalar_one() == 0
        assert (await view.execute(count)).scalar_one() == 0
    async with database.reading() as connection:
        assert (await connection.execute(count)).scalar_one() == 1
    await database.close()


async def test_a_cancelled_transaction_leaves_nothing_and_the_writer_usable(new_url: NewUrl) -> None:
    database = Database(new_url())
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE seen (value INTEGER)"))
    inside = asyncio.Event()

    async def hang() -> None:
        async with database.transaction() as connection:
            await connection.execute(text("INSERT INTO seen VALUES (1)"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.wait_for(inside.wait(), 30)
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
    async with asyncio.timeout(10), database.transaction() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM seen"))).scalar_one() == 0
    await database.close()


async def test_what_only_adds_rows_does_not_wait_for_the_one_writer(postgresql: PostgresServer) -> None:
    database = Database(postgresql.database())
    async with database.transaction() as connection:
        await connection.execute(text("CREATE TABLE seen (value INTEGER)"))
    async with asyncio.timeout(10), database.transaction():
        async with database.appending() as connection:
            await connection.execute(text("INSERT INTO seen VALUES (1)"))
        async with database.reading() as connection:
            assert (await connection.execute(text("SELECT count(*) FROM seen"))).scalar_one() == 1
    await database.close()


async def test_what_reads_cannot_write_and_a_query_names_no_other_schema_first(postgresql: PostgresServer) -> None:
    database = Database(postgresql.database())
    with pytest.raises(SQLAlchemyError, match="read-only transaction"):
        async with database.reading() as connection:
            await connection.execute(text("CREATE TABLE seen (value INTEGER)"))
    async with database.reading() as connection:
        assert (await connection.execute(text("SHOW transaction_isolation"))).scalar_one() == "repeatable read"
        assert (await connection.execute(text("SHOW search_path"))).scalar_one() == "public"
    await database.close()


async def test_a_server_that_restarts_is_found_again(postgresql: PostgresServer) -> None:
    database = Database(postgresql.database())
    for connecting in (database.transaction, database.appending, database.reading):
        async with connecting() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    with pytest.raises(SQLAlchemyError):
        async with database.transaction() as connection:
            await asyncio.to_thread(postgresql.restart)
            await connection.execute(text("SELECT 1"))
    for connecting in (database.transaction, database.appending, database.reading):
        async with connecting() as connection:
            assert (await connection.execute(text("SELECT 1"))).scalar_one() == 1
    await database.close()


async def test_a_server_that_is_not_there_is_an_error_of_the_database(postgresql: PostgresServer) -> None:
    for address, error in (
        (postgresql.url("no_such_database"), SQLAlchemyError),
        ("postgresql+asyncpg://domicile@/x?host=/nowhere", DatabaseUnavailableError),
        ("postgresql+asyncpg://domicile@127.0.0.1:9/x", DatabaseUnavailableError),
    ):
        database = Database(address)
        for connecting in (database.transaction, database.appending, database.reading):
            with pytest.raises(error):
                async with connecting():
                    pass
        await database.close()


def test_a_host_is_named_where_the_egress_policy_reads_it() -> None:
    for hidden in ("host=db.example.com", "host=/run/a&host=db.example.com"):
        with pytest.raises(ValueError, match="names its host before the path"):
            Database(f"postgresql+asyncpg://r@/x?{hidden}")
    egress = EgressPolicy(country_set(["EEA"]))
    found = egress.database("postgresql+asyncpg://r@db.example.com/x", "DE")
    assert found is not None
    assert (found.host, found.port, found.country) == ("db.example.com", 5432, "DE")
    assert egress.database("postgresql+asyncpg://r@/x?host=/run/postgresql", "DE") is None
    with pytest.raises(EgressRefusedError, match="outside the region"):
        egress.database("postgresql+asyncpg://r@db.example.com/x", "US")
