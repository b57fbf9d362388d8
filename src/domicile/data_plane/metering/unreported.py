"""Sums unreported ledger entries into deltas for the control plane. Nothing else of the ledger leaves (contract C07)."""

import asyncio
from dataclasses import dataclass

from sqlalchemy import BigInteger, cast, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncConnection

from domicile.boundary.usage import ImageSize, ServiceTier, Usage, UsageDelta
from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane.tables import ledger

ENTRIES_AT_ONCE = 16_384
"""Entries summed by one statement. Bounds the memory for a report after a long interruption."""
_DELTAS_AT_ONCE = 128
"""Deltas made before other work on the event loop may run: about half a millisecond."""
_MINUTE_MS = 60_000
_QUANTITIES = (
    ledger.c.input_tokens,
    ledger.c.input_cached_tokens,
    ledger.c.output_tokens,
    ledger.c.output_reasoning_tokens,
    ledger.c.characters,
    ledger.c.audio_milliseconds,
    ledger.c.images,
)


@dataclass(frozen=True, slots=True)
class Unreported:
    """One delta for each minute x project x key x model x endpoint x tier x image size among the entries."""

    deltas: tuple[UsageDelta, ...]
    through: int
    """The sequence number of the last summed entry."""
    is_all: bool
    """False if there may be more entries."""


async def read_unreported(connection: AsyncConnection, writer: str, after: int) -> Unreported:
    """Sum a writer's entries after the sequence number `after`, at most `ENTRIES_AT_ONCE` of them."""
    chosen = (ledger.c.writer == writer) & (ledger.c.sequence > after) & (ledger.c.sequence <= after + ENTRIES_AT_ONCE)
    through = (await connection.execute(select(func.max(ledger.c.sequence)).where(chosen))).scalar_one()
    if through is None:
        return Unreported((), after, is_all=True)
    # A literal: PostgreSQL would take two bound parameters, in SELECT and in GROUP BY, for two different expressions.
    minute = ledger.c.at_ms // literal_column(str(_MINUTE_MS), BigInteger)
    kinds = (
        minute,
        ledger.c.organization_id,
        ledger.c.project_id,
        ledger.c.key_id,
        ledger.c.model,
        ledger.c.endpoint,
        ledger.c.tier,
        ledger.c.batch,
        ledger.c.image_size,
    )
    sums = (cast(func.sum(column), BigInteger) for column in _QUANTITIES)
    query = select(*kinds, func.count(), *sums).where(chosen).group_by(*kinds).order_by(func.min(ledger.c.sequence))
    deltas: list[UsageDelta] = []
    for part in (await connection.execute(query)).partitions(_DELTAS_AT_ONCE):
        deltas.extend(_delta(*row) for row in part)
        await asyncio.sleep(0)
    return Unreported(tuple(deltas), through, is_all=through < after + ENTRIES_AT_ONCE)


def _delta(
    minute: int,
    organization: str,
    project: str,
    key: str,
    model: str,
    endpoint: str,
    tier: str,
    batch: bool,
    image_size: str | None,
    requests: int,
    *quantities: int,
) -> UsageDelta:
    return UsageDelta(
        minute=minute,
        organization_id=organization,
        project_id=project,
        key_id=key,
        model=model,
        fine_tuned_model=None,
        endpoint=Endpoint(endpoint),
        tier=ServiceTier(tier),
        batch=batch,
        requests=requests,
        usage=Usage(*quantities),
        image_size=None if image_size is None else ImageSize(image_size),
    )
