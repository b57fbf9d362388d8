"""Entitlements in the database. A sold entitlement keeps its units, tokens and prices; it can only end earlier."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Row, func, insert, select, update

from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing
from domicile.control_plane.paging import read_page
from domicile.kernel.paging import Window

_MODELS = msgspec.json.Decoder(tuple[str, ...])


class Status(StrEnum):
    """Where an entitlement stands at a time."""

    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SoldEntitlement:
    """Units of input and output tokens per minute, sold to a project from one time until another."""

    id: str
    organization_id: str
    project_id: str
    models: tuple[str, ...]
    """One, as long as none is sold for several."""
    input_units: int
    output_units: int
    input_tokens_per_minute: int
    """Of all units together, by the catalogue's unit at the sale."""
    output_tokens_per_minute: int
    input_unit_price: int
    """For a unit and day, in nanodollars."""
    output_unit_price: int
    from_ms: int
    until_ms: int
    created_at_ms: int
    cancelled_at_ms: int | None = None

    def status(self, now_ms: int) -> Status:
        """Where it stands now."""
        if now_ms >= self.until_ms:
            return Status.ENDED
        return Status.ACTIVE if now_ms >= self.from_ms else Status.SCHEDULED


async def find_entitlement(
    reading: Reading, entitlement_id: str, *, scope: Collection[ColumnElement[bool]] = ()
) -> SoldEntitlement | None:
    """The entitlement in the scope. None for any other id."""
    table = tables.entitlement
    row = await reading.first(select(table).where(table.c.id == entitlement_id, *scope))
    return None if row is None else entitlement_of(row)


async def list_entitlements(
    reading: Reading, part: Window, *, scope: Collection[ColumnElement[bool]] = ()
) -> tuple[list[SoldEntitlement], bool]:
    """One page of the entitlements in the scope, and whether there are more."""
    table = tables.entitlement
    page = await read_page(reading, select(table), table, part, scope=list(scope))
    return [entitlement_of(row) for row in page.rows], page.has_more


async def count_open(reading: Reading, project_id: str, now_ms: int) -> int:
    """How many entitlements of the project are in force or will be."""
    table = tables.entitlement
    query = select(func.count()).where(table.c.project_id == project_id, table.c.until_ms > now_ms)
    row = await reading.first(query)
    return 0 if row is None else int(row[0])


async def insert_entitlement(writing: Writing, sold: SoldEntitlement) -> None:
    """Inserts the row."""
    await writing.execute(
        insert(tables.entitlement).values(
            id=sold.id,
            organization_id=sold.organization_id,
            project_id=sold.project_id,
            models=msgspec.json.encode(sold.models).decode(),
            input_units=sold.input_units,
            output_units=sold.output_units,
            input_tokens_per_minute=sold.input_tokens_per_minute,
            output_tokens_per_minute=sold.output_tokens_per_minute,
            input_unit_price=sold.input_unit_price,
            output_unit_price=sold.output_unit_price,
            from_ms=sold.from_ms,
            until_ms=sold.until_ms,
            created_at_ms=sold.created_at_ms,
        )
    )


async def end_entitlement(writing: Writing, ended: SoldEntitlement) -> None:
    """Sets its end, and the time of the cancellation."""
    table = tables.entitlement
    values = {"until_ms": ended.until_ms, "cancelled_at_ms": ended.cancelled_at_ms}
    await writing.execute(update(table).where(table.c.id == ended.id).values(**values))


def entitlement_of(row: Row[*tuple[Any, ...]]) -> SoldEntitlement:
    """An entitlement from its row."""
    return SoldEntitlement(
        id=row.id,
        organization_id=row.organization_id,
        project_id=row.project_id,
        models=decode_models(row.models),
        input_units=row.input_units,
        output_units=row.output_units,
        input_tokens_per_minute=row.input_tokens_per_minute,
        output_tokens_per_minute=row.output_tokens_per_minute,
        input_unit_price=row.input_unit_price,
        output_unit_price=row.output_unit_price,
        from_ms=row.from_ms,
        until_ms=row.until_ms,
        created_at_ms=row.created_at_ms,
        cancelled_at_ms=row.cancelled_at_ms,
    )


def decode_models(column: str) -> tuple[str, ...]:
    """The models in the column."""
    return _MODELS.decode(column)
