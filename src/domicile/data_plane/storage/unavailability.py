"""Why a customer's own key or bucket cannot be used."""

from enum import StrEnum

from domicile.kernel.dependency import DependencyUnavailableError


class Unavailability(StrEnum):
    """The reason. The first three are outcomes of a check too."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    NOT_OFFERED = "not_offered"
    CONTRADICTORY = "contradictory"
    """The snapshot names another key than the one that wrapped the project's key, or another organization's, or no bucket for a
    project that has objects in one."""


class OutsideServiceUnavailableError(DependencyUnavailableError):
    """A customer's own key or bucket cannot be used. Only this customer's projects wait for it. Its text is the reason."""

    def __init__(self, reason: Unavailability) -> None:
        super().__init__(reason.value)
        self.reason = reason
