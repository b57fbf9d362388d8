"""GET /operator/v1/usage: the ledger's sums of one day, to be compared with the control plane's. No single request leaves."""

from sqlalchemy import BigInteger, cast, func, select
from starlette.requests import Request
from starlette.responses import Response

from domicile.boundary.usage import Usage
from domicile.catalogue.prices import day_of
from domicile.data_plane.metering.outbox_state import read_outbox_state
from domicile.data_plane.tables import ledger, metering_writer
from domicile.kernel.clock import Clock
from domicile.persistence.database import Database
from domicile.web.bodies.reading import json_response
from domicile.web.query import Query

_DAY_MS = 86_400_000
_QUANTITIES = Usage.__struct_fields__


class LedgerSums:
    """The handler."""

    def __init__(self, metering: Database, clock: Clock) -> None:
        """`metering`: the metering database."""
        self._metering = metering
        self._clock = clock

    async def show(self, request: Request) -> Response:
        """Sums by project and model, of today unless `day` says otherwise; and what the control plane has not got yet."""
        date = Query(request, {"day"}).date("day")
        day = self._clock.now_ms() // _DAY_MS if date is None else day_of(date)
        outbox = await read_outbox_state(self._metering)
        return json_response(
            {
                "object": "list",
                "data": await self._sums(day),
                "unreported_entries": await self._unreported(),
                "waiting_reports": None if outbox is None else outbox.depth,
                "refused_reports": None if outbox is None else outbox.refused,
            }
        )

    async def _sums(self, day: int) -> list[dict[str, object]]:
        since = day * _DAY_MS
        sums = (cast(func.sum(ledger.c[name]), BigInteger).label(name) for name in _QUANTITIES)
        query = (
            select(ledger.c.project_id, ledger.c.model, func.count().label("requests"), *sums)
            .where(ledger.c.at_ms >= since, ledger.c.at_ms < since + _DAY_MS)
            .group_by(ledger.c.project_id, ledger.c.model)
            .order_by(ledger.c.project_id, ledger.c.model)
        )
        async with self._metering.reading() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def _unreported(self) -> int:
        joined = metering_writer.join(
            ledger,
            (ledger.c.writer == metering_writer.c.writer) & (ledger.c.sequence > metering_writer.c.reported_through),
        )
        async with self._metering.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(joined))).scalar_one())
