"""Checks the agreements that a region requires (C01), and lets the operator record them."""

from dataclasses import replace

from sqlalchemy import select

from domicile.control_plane.agreements.repository import Agreement, find_agreement, update_agreement
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Changes
from domicile.control_plane.database import tables
from domicile.control_plane.database.transactions import Reading
from domicile.control_plane.principals.principal import Operator
from domicile.control_plane.publication.shards import regions_of
from domicile.kernel import errors
from domicile.settings.installation import RegionSettings


async def require_agreement(reading: Reading, organization_id: str, region: RegionSettings) -> None:
    """Raises 403 unless the organization has what the region requires (C01). The error names each missing agreement."""
    agreement = await find_agreement(reading, organization_id)
    without_enterprise = "enterprise" in region.requires and not agreement.enterprise_agreement
    without_zdr = "zdr" in region.requires and not agreement.zdr_eligible
    if without_enterprise and without_zdr:
        raise errors.agreement_and_zdr_required(region.code)
    if without_enterprise:
        raise errors.enterprise_agreement_required(region.code)
    if without_zdr:
        raise errors.zdr_eligibility_required(region.code)


class Agreements:
    """Records agreements. Only the operator may change them."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    async def merge(self, operator: Operator, organization_id: str, requested: dict[str, object]) -> None:
        """Sets the members of `Agreement` that `requested` names, and leaves the others. Raises 404 for an unknown id."""
        async with self._changes.begin(operator) as change:
            table = tables.organization
            if await change.first(select(table.c.id).where(table.c.id == organization_id)) is None:
                raise errors.not_found("organization", organization_id)
            before = await find_agreement(change, organization_id)
            after: Agreement = replace(before, **requested)  # type: ignore[arg-type]
            if after == before:
                return
            event = Event(
                "organization.updated",
                organization_id,
                organization_id=organization_id,
                detail={"changes_requested": requested},
            )
            writing = await change.record(event)
            await update_agreement(writing, organization_id, after)
            for region in await regions_of(change, organization_id):
                change.publish_to(region, organization_id)
