"""The principals of calls. `rows_of` limits the rows that the database shows to each."""

from dataclasses import dataclass

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class Administrator:
    """An admin of one organization: sees and changes that organization alone."""

    organization_id: str
    admin_key_id: str

    @property
    def rows_of(self) -> str:
        """The organization's id."""
        return self.organization_id


@dataclass(frozen=True, slots=True)
class Operator:
    """The operator of this installation."""

    @property
    def rows_of(self) -> str:
        """All rows."""
        return EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class EnrolledRegion:
    """A replica of an enrolled region, proved by its signature. It answers for its own code only."""

    code: str
    replica: str

    @property
    def rows_of(self) -> str:
        """All rows: a region reports on many organizations. Each reported item is checked against the region."""
        return EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class Startup:
    """The control plane itself: at its start, and in the commands that rotate keys."""

    @property
    def rows_of(self) -> str:
        """All rows."""
        return EVERY_ORGANIZATION


Actor = Administrator | Operator | EnrolledRegion | Startup
