"""Creates organizations, each with an agreement row and one admin key."""

from dataclasses import dataclass

from domicile.control_plane.agreements.repository import Agreement, find_agreement, insert_agreement
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change, Changes
from domicile.control_plane.database.transactions import Reader, Writing
from domicile.control_plane.idempotency import Attempt, Made, find_made, remember
from domicile.control_plane.keys.service import NewAdminKey, new_admin_key, show_admin_key_again, store_admin_key
from domicile.control_plane.organizations.repository import (
    Organization,
    get_organization,
    insert_organization,
    list_organizations,
)
from domicile.control_plane.principals.principal import Operator
from domicile.kernel.ids import new_id
from domicile.kernel.paging import Window


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """An organization with its agreement and its first admin key, whose secret is not stored."""

    organization: Organization
    agreement: Agreement
    admin_key: NewAdminKey


@dataclass(frozen=True, slots=True)
class OrganizationStatus:
    """The operator's view of an organization."""

    organization: Organization
    agreement: Agreement


class Organizations:
    """All organizations, for the operator."""

    def __init__(self, reader: Reader, changes: Changes, installation_id: str, first_organization_id: str) -> None:
        self._reader = reader
        self._changes = changes
        self._installation_id = installation_id
        self.first_organization_id = first_organization_id

    async def page(self, operator: Operator, part: Window) -> tuple[list[OrganizationStatus], bool]:
        """One page, and whether there are more."""
        async with self._reader.reading(operator) as reading:
            organizations, has_more = await list_organizations(reading, part)
            found = [
                OrganizationStatus(organization, await find_agreement(reading, organization.id))
                for organization in organizations
            ]
        return found, has_more

    async def get(self, operator: Operator, organization_id: str) -> OrganizationStatus:
        """One organization."""
        async with self._reader.reading(operator) as reading:
            organization = await get_organization(reading, organization_id)
            return OrganizationStatus(organization, await find_agreement(reading, organization_id))

    async def create(self, operator: Operator, name: str, attempt: Attempt | None = None) -> NewOrganization:
        """Creates an organization without any agreement.

        A repeated call returns the same organization; its admin key gets a fresh secret.
        """
        async with self._changes.begin(operator) as change:
            made = await find_made(change, attempt, change.now_ms)
            if made is not None:
                return await self._show_again(change, made)
            new = new_organization(name, self._installation_id, change.now_ms, Agreement())
            writing = await store_organization(change, new)
            await remember(writing, attempt, change.now_ms, new.organization.id, new.admin_key.key.id)
        return new

    async def _show_again(self, change: Change, made: Made) -> NewOrganization:
        organization = await get_organization(change, made.resource_id)
        agreement = await find_agreement(change, organization.id)
        key = await show_admin_key_again(change, organization.id, self._installation_id, made.key_id or "")
        return NewOrganization(organization, agreement, key)


def new_organization(name: str, installation_id: str, now_ms: int, agreement: Agreement) -> NewOrganization:
    """An organization in memory. The first start writes its key to a file before it stores the organization."""
    organization = Organization(new_id("org-"), name, now_ms)
    key = new_admin_key(organization.id, installation_id, "First admin key", now_ms)
    return NewOrganization(organization, agreement, key)


async def store_organization(change: Change, new: NewOrganization) -> Writing:
    """Writes the organization, its agreement and its admin key, with audit rows, in the change's transaction."""
    organization = new.organization
    event = Event(
        "organization.created",
        organization.id,
        organization_id=organization.id,
        detail={"data": {"name": organization.name}},
    )
    writing = await change.record(event)
    await insert_organization(writing, organization)
    await insert_agreement(writing, organization.id, new.agreement)
    return await store_admin_key(change, new.admin_key)
