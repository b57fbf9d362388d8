"""The port of rate limits. This version enforces none. The stage exists so that no request can bypass later limits."""

from dataclasses import dataclass
from typing import Protocol

from domicile.boundary.usage import ServiceTier, Usage
from domicile.data_plane.policy.admit import Admission


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted request with its reserved share of the limits. Only a `Limits` makes one."""

    admission: Admission
    tier: ServiceTier


class Limits(Protocol):
    """Reserves a share of the limits for each request, and takes back the unused rest."""

    async def reserve(self, admission: Admission) -> Reservation:
        """Reserve a share. Raises `DomicileError` 429 when a limit is reached."""
        ...

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Return the unused share. Called once for each reservation, after metering, also when the request is cancelled."""
        ...


class Unlimited:
    """The `Limits` without limits. Every request runs at the default tier."""

    async def reserve(self, admission: Admission) -> Reservation:
        """Never waits and never refuses."""
        return Reservation(admission, ServiceTier.DEFAULT)

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Does nothing."""
