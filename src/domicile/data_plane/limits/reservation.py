"""The port of limits. This version has no limits to reserve from: the stage is there so that no request can go around it."""

from dataclasses import dataclass
from typing import Protocol

from domicile.boundary.usage import ServiceTier, Usage
from domicile.data_plane.policy.admit import Admission


@dataclass(frozen=True, slots=True)
class Reservation:
    """An admitted request with its share set aside. Only a `Limits` makes one."""

    admission: Admission
    tier: ServiceTier


class Limits(Protocol):
    """Sets a share aside, and takes back what was not used."""

    async def reserve(self, admission: Admission) -> Reservation:
        """Raises `DomicileError` 429 when a limit is reached."""
        ...

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Take back what the answer did not use. Called once, after metering, also for a request that is being cancelled."""
        ...


class Unlimited:
    """Lets everything pass at the default tier."""

    async def reserve(self, admission: Admission) -> Reservation:
        """Never waits and never refuses."""
        return Reservation(admission, ServiceTier.DEFAULT)

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """Nothing was set aside, so nothing is given back."""
