"""The principals: who asks. `rows_of` limits which rows the database shows them."""

from dataclasses import dataclass

from domicile.control_plane.database.row_rules import EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class Administrator:
    """An admin of one organization: sees and changes that organization alone."""

    organization_id: str
    admin_key_id: str

    @property
    def rows_of(self) -> str:
        """The organization's."""
        return self.organization_id


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs this installation."""

    @property
    def rows_of(self) -> str:
        """Everybody's."""
        return EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class EnrolledRegion:
    """A replica of an enrolled region, proved by its signature. It answers for its own code only."""

    code: str
    replica: str

    @property
    def rows_of(self) -> str:
        """Everybody's: what a region reports concerns many organizations, and each row of it is checked."""
        return EVERY_ORGANIZATION


@dataclass(frozen=True, slots=True)
class Startup:
    """The control plane itself, while it starts."""

    @property
    def rows_of(self) -> str:
        """Everybody's."""
        return EVERY_ORGANIZATION


Actor = Administrator | Operator | EnrolledRegion | Startup
