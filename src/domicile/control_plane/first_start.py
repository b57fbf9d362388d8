"""The installation's identity, and at its first start the first organization with its admin key.

The admin key is handed over before anything is stored. After a crash in between that key opens nothing, and the next
start makes another. In the other order a crash would leave an installation without any usable key.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import insert, select

from domicile.catalogue.endpoints import Endpoint
from domicile.control_plane.agreements.repository import Agreement
from domicile.control_plane.audit.repository import Event
from domicile.control_plane.changes import Change
from domicile.control_plane.database import tables
from domicile.control_plane.organizations.service import new_organization, store_organization
from domicile.control_plane.principals.principal import Startup
from domicile.kernel.clock import Clock
from domicile.kernel.ids import new_id
from domicile.persistence.database import Database

FIRST_ORGANIZATION = "First organization"


@dataclass(frozen=True, slots=True)
class InstallationIdentity:
    """The ids of the installation and of its first organization, both made at the first start."""

    installation_id: str
    first_organization_id: str


async def open_installation(
    database: Database, clock: Clock, *, with_agreement: bool, hand_over: Callable[[str], None]
) -> InstallationIdentity:
    """Returns the recorded identity, or makes it at the first start.

    `with_agreement`: whether the first organization starts with the Enterprise agreement, ZDR eligibility and every endpoint
    approved. `hand_over` writes the first admin key to a safe place; it runs before the database stores anything.
    """
    startup = Startup()
    async with database.transaction(rows_of=startup.rows_of) as connection:
        change = Change(connection, startup, clock.now_ms())
        row = await change.first(select(tables.installation))
        if row is not None:
            return InstallationIdentity(row.installation_id, row.first_organization_id)
        installation_id = new_id("inst_")
        agreement = Agreement(True, True, tuple(sorted(Endpoint))) if with_agreement else Agreement()
        new = new_organization(FIRST_ORGANIZATION, installation_id, change.now_ms, agreement)
        hand_over(new.admin_key.secret.value)
        await store_organization(change, new)
        writing = await change.record(Event("installation.created", installation_id))
        await writing.execute(
            insert(tables.installation).values(
                single=1,
                installation_id=installation_id,
                first_organization_id=new.organization.id,
                created_at_ms=change.now_ms,
            )
        )
    return InstallationIdentity(installation_id, new.organization.id)
