"""The error of a customer's own key or bucket that cannot be used."""

from domicile.data_plane.region_errors import Unavailability
from domicile.kernel.dependency import DependencyUnavailableError


class OutsideServiceUnavailableError(DependencyUnavailableError):
    """A customer's own key or bucket cannot be used. Only this customer's projects wait for it. Its text is the reason."""

    def __init__(self, reason: Unavailability) -> None:
        super().__init__(reason.value)
        self.reason = reason
