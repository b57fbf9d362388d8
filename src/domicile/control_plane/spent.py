"""What projects have spent in each month, in the database, as their regions have reported."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select

from domicile.boundary.costs import FEMTODOLLARS_IN_NANODOLLAR
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing

NANODOLLARS_IN_CENT = 10_000_000
SPENT_MAX = 2**53
"""Nanodollars of one project in one month and region: nine million dollars. Sums of a thousand such rows fit into 64 bits."""

_KEY = [column.name for column in tables.spending.primary_key.columns]


@dataclass(frozen=True, slots=True, order=True)
class Spender:
    """Whose spending in which month one row holds."""

    organization_id: str
    month: int
    region: str
    project_id: str


async def add_spending(writing: Writing, amounts: Mapping[Spender, int]) -> None:
    """Adds amounts, in femtodollars, to what was spent before. A row stops at `SPENT_MAX`, so that no report overflows it."""
    if not amounts:
        return
    table = tables.spending
    statement = writing.insert_into(table)
    rest = table.c.femtodollars + statement.excluded.femtodollars
    total = table.c.nanodollars + statement.excluded.nanodollars + rest // FEMTODOLLARS_IN_NANODOLLAR
    statement = statement.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "nanodollars": case((total > SPENT_MAX, SPENT_MAX), else_=total),
            "femtodollars": rest % FEMTODOLLARS_IN_NANODOLLAR,
        },
    )
    await writing.execute_many(statement, [_row(spender, amount) for spender, amount in sorted(amounts.items())])


def _row(spender: Spender, femtodollars: int) -> dict[str, Any]:
    nanodollars, rest = divmod(femtodollars, FEMTODOLLARS_IN_NANODOLLAR)
    return {
        "organization_id": spender.organization_id,
        "month": spender.month,
        "region": spender.region,
        "project_id": spender.project_id,
        "nanodollars": min(nanodollars, SPENT_MAX),
        "femtodollars": rest,
    }


async def spent_in(reading: Reading, month: int, among: Select[tuple[str]]) -> dict[str, dict[str, int]]:
    """By project and by organization, nanodollars spent in the month: by region. `among`: ids of organizations."""
    table = tables.spending
    query = (
        select(
            table.c.organization_id, table.c.project_id, table.c.region, func.sum(table.c.nanodollars).label("spent")
        )
        .where(table.c.month == month, table.c.organization_id.in_(among))
        .group_by(table.c.organization_id, table.c.project_id, table.c.region)
    )
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in await reading.all(query):
        for owner in (row.organization_id, row.project_id):
            found[owner][row.region] += int(row.spent)
    return found
