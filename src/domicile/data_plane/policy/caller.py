"""Who asks."""

from dataclasses import dataclass

from domicile.boundary.retention import Retention, effective_retention
from domicile.boundary.snapshot import OrganizationRecord, ProjectRecord


@dataclass(frozen=True, slots=True)
class Caller:
    """A key that was found valid, with what the snapshot says of its project. Made only in `http/auth` and `jobs`."""

    organization: OrganizationRecord
    project: ProjectRecord
    key_id: str
    region: str
    """The code of the region that the key belongs to, which is this one."""

    @property
    def retention(self) -> Retention:
        """What is kept of this caller's content."""
        return effective_retention(self.project.retention, self.organization.retention)
