"""Tells the other processes of a region that interactive requests wait at an engine, so that their lines give way too.

Workers apart see no interactive request themselves. Once a second each process writes what it has seen, and reads the rest.
"""

import asyncio
from collections.abc import Mapping

import structlog
from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from domicile.data_plane.batch_gate import QUIET_S, BatchGate
from domicile.data_plane.tables import engine_wait
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database
from domicile.persistence.inserting import insert_into

log = structlog.get_logger("engines")

EXCHANGE_S = 1.0
_QUIET_MS = int(QUIET_S * 1000)


class EngineWaits:
    """Connects the gates of this process, by engine, with those of the others."""

    def __init__(self, gates: Mapping[str, BatchGate], database: Database, clock: Clock, process: str) -> None:
        """`process`: an id of this process."""
        self._gates = gates
        self._database = database
        self._clock = clock
        self._process = process
        self._told: dict[str, int] = dict.fromkeys(gates, 0)
        """By engine, how many waits the others have been told of."""
        self._heard: dict[tuple[str, str], int] = {}
        """By engine and process, the time of the last wait that has narrowed a gate here."""

    async def exchange(self) -> None:
        """Write what this process has seen since the last call, and narrow the gates by what the others have.

        Raises the database's errors.
        """
        await self._tell()
        await self._hear()

    async def run(self) -> None:
        """Exchange once a second, until cancelled. Only for a database that several processes share."""
        while True:
            try:
                await self.exchange()
            except (SQLAlchemyError, OSError) as error:
                log.warning("engine_waits_not_exchanged", type=type(error).__name__)
            await asyncio.sleep(EXCHANGE_S)

    async def _tell(self) -> None:
        waits = {name: gate.waits for name, gate in self._gates.items()}
        new = [name for name, gate in self._gates.items() if gate.is_waited_at or waits[name] != self._told[name]]
        if not new:
            return
        now, table = self._database.time_ms(self._clock.now_ms()), engine_wait
        async with self._database.appending() as connection:
            # Also rows of processes that have ended. In a transaction of its own: it locks rows of others.
            await connection.execute(delete(table).where(table.c.waited_at_ms < now - _QUIET_MS))
        async with self._database.appending() as connection:
            for name in new:
                row = insert_into(connection, table).values(engine=name, process=self._process, waited_at_ms=now)
                key = [table.c.engine, table.c.process]
                await connection.execute(row.on_conflict_do_update(index_elements=key, set_={"waited_at_ms": now}))
        self._told |= {name: waits[name] for name in new}

    async def _hear(self) -> None:
        table = engine_wait
        recent = table.c.waited_at_ms >= self._database.time_ms(self._clock.now_ms()) - _QUIET_MS
        query = select(table).where(table.c.process != self._process, recent)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        heard = {(row.engine, row.process): row.waited_at_ms for row in rows}
        for (engine, process), waited_at_ms in heard.items():
            if engine in self._gates and self._heard.get((engine, process), 0) < waited_at_ms:
                self._gates[engine].narrow()
        self._heard = heard
