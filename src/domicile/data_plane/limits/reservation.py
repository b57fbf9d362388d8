"""The port of rate limits. The stage stands before every engine, so that no request can bypass them."""

from dataclasses import dataclass
from typing import Protocol

from domicile.boundary.entitlements import Entitlement
from domicile.boundary.usage import ServiceTier, Usage
from domicile.data_plane import region_errors
from domicile.data_plane.limits.demand import NOTHING, Demand
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.rank import Rank
from domicile.kernel.rate_limits import RateLimitStanding


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted request with its reserved share of the limits. Only a `Limits` makes one."""

    admission: Admission
    tier: ServiceTier
    demand: Demand = NOTHING
    standing: RateLimitStanding | None = None
    """Where the project stood after this reservation. None without limits."""
    entitlement: Entitlement | None = None
    """The bought capacity that covers the request. None in the default tier."""

    @property
    def rank(self) -> Rank:
        """The request's order at an engine."""
        return Rank.DEFAULT if self.entitlement is None else Rank.SCALE


class Limits(Protocol):
    """Reserves a share of the limits for each request, and takes back the unused rest."""

    async def reserve(self, admission: Admission, demand: Demand) -> Reservation:
        """Reserve a share. Raises `DomicileError` 429 when a limit is reached."""
        ...

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Return the unused share. Called once for each reservation, after metering, also when the request is cancelled."""
        ...


class Unlimited:
    """The `Limits` of what was reserved before: the lines of a batch, and the platform's own calls for a request."""

    async def reserve(self, admission: Admission, demand: Demand) -> Reservation:
        """Never waits. Raises 400 for a line that insists on the scale tier: bought capacity is not for batches."""
        if getattr(admission.request, "service_tier", None) == ServiceTier.SCALE:
            raise region_errors.scale_tier_not_in_batches()
        return Reservation(admission, ServiceTier.DEFAULT)

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Does nothing."""
