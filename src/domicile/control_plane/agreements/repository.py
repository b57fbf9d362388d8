"""Agreements in the database: one row for each organization."""

from dataclasses import dataclass

import msgspec
from sqlalchemy import insert, select, update

from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading, Writing


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreements that the operator has recorded for an organization. A new one has none."""

    enterprise_agreement: bool = False
    zdr_eligible: bool = False
    zdr_endpoints: tuple[Endpoint, ...] = ()
    enhanced_zdr: bool = False


async def find_agreement(reading: Reading, organization_id: str) -> Agreement:
    """The organization's agreement. An unknown organization has the empty one."""
    table = tables.agreement
    row = await reading.first(select(table).where(table.c.organization_id == organization_id))
    if row is None:
        return Agreement()
    endpoints = msgspec.json.decode(row.zdr_endpoints, type=tuple[Endpoint, ...])
    return Agreement(row.enterprise_agreement, row.zdr_eligible, endpoints, row.enhanced_zdr)


async def insert_agreement(writing: Writing, organization_id: str, agreement: Agreement) -> None:
    """Inserts the agreement of a new organization."""
    await writing.execute(insert(tables.agreement).values(organization_id=organization_id, **_values(agreement)))


async def update_agreement(writing: Writing, organization_id: str, agreement: Agreement) -> None:
    """Replaces the organization's agreement."""
    table = tables.agreement
    await writing.execute(update(table).where(table.c.organization_id == organization_id).values(**_values(agreement)))


def _values(agreement: Agreement) -> dict[str, object]:
    return {
        "enterprise_agreement": agreement.enterprise_agreement,
        "zdr_eligible": agreement.zdr_eligible,
        "zdr_endpoints": msgspec.json.encode(agreement.zdr_endpoints).decode(),
        "enhanced_zdr": agreement.enhanced_zdr,
    }
