"""Hard spending limits: what may be spent in a month, held in the region.

A region counts what its own requests cost, as soon as each is metered. What was spent in other regions comes with the snapshot.
So within a region spending passes a limit by what runs at that moment at most, and across regions by what they spend until they
know of each other.
"""

from collections import defaultdict

from domicile.boundary.costs import FEMTODOLLARS_IN_NANODOLLAR
from domicile.boundary.snapshot import OrganizationRecord, ProjectRecord
from domicile.boundary.spending import SpendingLimit, month_of, month_start_ms
from domicile.boundary.usage import Usage
from domicile.data_plane import region_errors
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.reservation import Limits, Reservation
from domicile.data_plane.policy.admit import Admission
from domicile.data_plane.policy.caller import Caller
from domicile.kernel import errors
from domicile.kernel.clock import Clock


class Spent:
    """What each project and organization has spent in this region in the current month, in femtodollars."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._amounts: defaultdict[str, int] = defaultdict(int)
        self._month = month_of(clock.now_ms())
        self._until_ms = month_start_ms(self._month + 1)
        self.is_known = False
        """Whether what was spent before this process started has been counted."""

    def month(self) -> int:
        """The current month. At its start nothing has been spent."""
        if self._clock.now_ms() >= self._until_ms:
            self._month = month_of(self._clock.now_ms())
            self._until_ms = month_start_ms(self._month + 1)
            self._amounts.clear()
        return self._month

    def add(self, project_id: str, organization_id: str, at_ms: int, femtodollars: int) -> None:
        """Count a cost. One of another month counts nothing."""
        if femtodollars and month_of(at_ms) == self.month():
            self._amounts[project_id] += femtodollars
            self._amounts[organization_id] += femtodollars

    def by(self, owner_id: str) -> int:
        """What a project or an organization has spent."""
        return self._amounts.get(owner_id, 0)

    def forget(self) -> None:
        """Begin to count anew."""
        self._amounts.clear()
        self.is_known = False


class SpendingGate:
    """Refuses the requests of a project that has reached its limit, or whose organization has."""

    def __init__(self, spent: Spent) -> None:
        self._spent = spent

    def require(self, caller: Caller) -> None:
        """Raises 429 `insufficient_quota`, or 503 while it is not known what was spent before."""
        if caller.project.spending is not None or caller.organization.spending is not None:
            self.require_within(caller.project, caller.organization)

    def require_within(self, project: ProjectRecord, organization: OrganizationRecord) -> None:
        """As `require`, where one of the two has a limit."""
        if not self._spent.is_known:
            raise errors.service_unavailable(
                "This region is still counting what your project has spent. Try again shortly."
            )
        month = self._spent.month()
        for noun, owner_id, limit in (
            ("project", project.project_id, project.spending),
            ("organization", organization.organization_id, organization.spending),
        ):
            if limit is not None and self._is_reached(owner_id, limit, month):
                raise region_errors.insufficient_quota(noun, owner_id, limit.limit, month_start_ms(month + 1))

    def _is_reached(self, owner_id: str, limit: SpendingLimit, month: int) -> bool:
        elsewhere = limit.elsewhere if limit.month == month else 0
        return self._spent.by(owner_id) >= (limit.limit - elsewhere) * FEMTODOLLARS_IN_NANODOLLAR


class SpendingLimits:
    """The `Limits` of requests whose project or organization may have a spending limit, around other limits."""

    def __init__(self, inner: Limits, gate: SpendingGate) -> None:
        self._inner = inner
        self._gate = gate

    async def reserve(self, admission: Admission, demand: Demand) -> Reservation:
        """See `Limits`. Raises 429 `insufficient_quota` too."""
        caller = admission.caller
        if caller.project.spending is not None or caller.organization.spending is not None:
            self._gate.require_within(caller.project, caller.organization)
        return await self._inner.reserve(admission, demand)

    async def settle(self, reservation: Reservation, usage: Usage) -> None:
        """See `Limits`."""
        await self._inner.settle(reservation, usage)
