"""Prices that have been in force are recorded and stay as they were: an old invoice never changes when a price does."""

from collections import defaultdict

import msgspec
from sqlalchemy import delete, insert, select

from domicile.boundary.costs import cost
from domicile.boundary.spending import month_of, month_start_ms
from domicile.catalogue.prices import ModelPrice, PriceList, date_of
from domicile.control_plane.database import tables
from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION
from domicile.control_plane.database.transactions import Writing
from domicile.control_plane.spent import Spender, add_spending
from domicile.control_plane.usage.costs import PRICED_BY, consumption_of
from domicile.control_plane.usage.repository import MINUTES_IN_DAY, sum_usage
from domicile.persistence.database import Database

_ADVICE = (
    "What has been in force is never edited, because old invoices would change. Give the new price a valid_from that is later "
    "than today, and leave the earlier ones as they were (docs/usage-and-costs.md)"
)


class PricesChangedError(Exception):
    """A price list that changes what usage has cost. The text says which price, and what to do."""


async def record_prices(database: Database, prices: PriceList, now_ms: int) -> None:
    """Record what is in force, and what will be. Raises `PricesChangedError`, and records nothing then.

    At the first start with prices, usage of the current month is counted as spent.
    """
    today = now_ms // 60_000 // MINUTES_IN_DAY
    async with database.transaction(rows_of=EVERY_ORGANIZATION) as connection:
        writing = Writing(connection)
        recorded = await _recorded(writing)
        listed = {(price.model, price.valid_from): price for price in prices.prices}
        for key, price in recorded.items():
            if price.valid_from <= today and listed.get(key) != price:
                raise _changed(price, "has been in force, and the price list has another or none")
        new = [price for key, price in listed.items() if recorded.get(key) != price]
        for price in new if recorded else ():
            if price.valid_from <= today and await _is_used_since(writing, price):
                raise _changed(price, "is new, and usage of this time has been counted at another price")
        table = tables.price
        await writing.execute(delete(table).where(table.c.valid_from > today))
        rows = [
            {"model": price.model, "valid_from": price.valid_from, "terms": msgspec.json.encode(price).decode()}
            for key, price in listed.items()
            if key not in recorded or price.valid_from > today
        ]
        if rows:
            await writing.execute_many(insert(table), rows)
        if not recorded:
            await _count_spent(writing, prices, now_ms)


async def _recorded(writing: Writing) -> dict[tuple[str, int], ModelPrice]:
    rows = await writing.all(select(tables.price))
    return {(row.model, row.valid_from): msgspec.json.decode(row.terms, type=ModelPrice) for row in rows}


async def _is_used_since(writing: Writing, price: ModelPrice) -> bool:
    table = tables.usage_minute
    since = table.c.minute >= price.valid_from * MINUTES_IN_DAY
    return await writing.first(select(table.c.minute).where(table.c.model == price.model, since).limit(1)) is not None


def _changed(price: ModelPrice, what: str) -> PricesChangedError:
    when = "the beginning" if price.valid_from == 0 else str(date_of(price.valid_from))
    return PricesChangedError(f"prices: the price of '{price.model}' from {when} on {what}. {_ADVICE}")


async def _count_spent(writing: Writing, prices: PriceList, now_ms: int) -> None:
    month, table = month_of(now_ms), tables.usage_minute
    owners = {name: table.c[name] for name in ("organization_id", "region", "project_id")}
    sums = await sum_usage(
        writing,
        width_minutes=MINUTES_IN_DAY,
        dimensions={**owners, **PRICED_BY},
        conditions=[
            table.c.minute >= month_start_ms(month) // 60_000,
            table.c.minute < month_start_ms(month + 1) // 60_000,
        ],
    )
    amounts: dict[Spender, int] = defaultdict(int)
    for each in sums:
        spender = Spender(
            each.dimensions["organization_id"], month, each.dimensions["region"], each.dimensions["project_id"]
        )
        consumption = consumption_of(each)
        amounts[spender] += cost(consumption, prices.at(consumption.model, each.bucket))
    await add_spending(writing, {spender: amount for spender, amount in amounts.items() if amount})
