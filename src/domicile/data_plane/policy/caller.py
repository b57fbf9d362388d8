"""The authenticated caller of a request."""

from dataclasses import dataclass

from domicile.boundary.permissions import KeyScope
from domicile.boundary.retention import Retention, effective_retention
from domicile.boundary.snapshot import OrganizationRecord, ProjectRecord


@dataclass(frozen=True, slots=True)
class Caller:
    """A valid key with its project and organization from the snapshot. Only `http/auth` makes one."""

    organization: OrganizationRecord
    project: ProjectRecord
    key_id: str
    region: str
    """The code of the key's region, which is always this region."""
    scopes: tuple[KeyScope, ...] | None = None
    """All that the key may do. None: everything."""

    @property
    def retention(self) -> Retention:
        """The retention that applies: the project's own, or else the organization's."""
        return effective_retention(self.project.retention, self.organization.retention)
