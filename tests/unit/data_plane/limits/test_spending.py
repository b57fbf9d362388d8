"""Hard spending limits: refused once they are reached, of a project or its organization, with what was spent elsewhere."""

import asyncio
from dataclasses import replace

import pytest

from domicile.boundary.costs import FEMTODOLLARS_IN_NANODOLLAR
from domicile.boundary.spending import NANODOLLARS, SpendingLimit, month_of, month_start_ms
from domicile.boundary.usage import Usage
from domicile.data_plane.limits.demand import Demand
from domicile.data_plane.limits.reservation import Unlimited
from domicile.data_plane.limits.spending import SpendingGate, SpendingLimits, Spent
from domicile.data_plane.policy.admit import Admission
from domicile.kernel.errors import Category, DomicileError
from domicile.web.error_rendering import render
from tests.unit.data_plane.region_parts import (
    NOW_MS,
    ORGANIZATION,
    PROJECT,
    SetClock,
    organization_record,
    project_record,
)
from tests.unit.data_plane.test_routing import reservation

MONTH = month_of(NOW_MS)
DOLLAR = NANODOLLARS * FEMTODOLLARS_IN_NANODOLLAR


def limit(dollars: int, *, elsewhere: int = 0, month: int = MONTH) -> SpendingLimit:
    return SpendingLimit(dollars * NANODOLLARS, month, elsewhere * NANODOLLARS)


class Limited:
    """Limits, what was spent, and the time."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.spent = Spent(self.clock)
        self.spent.is_known = True
        self.gate = SpendingGate(self.spent)
        self.limits = SpendingLimits(Unlimited(), self.gate)

    def spend(self, femtodollars: int, *, project: str = PROJECT, at_ms: int | None = None) -> None:
        self.spent.add(project, ORGANIZATION, self.clock.ms if at_ms is None else at_ms, femtodollars)

    def reserve(self, project: SpendingLimit | None = None, organization: SpendingLimit | None = None) -> None:
        reserved = asyncio.run(self.limits.reserve(admission(project, organization), Demand()))
        asyncio.run(self.limits.settle(reserved, Usage()))

    def refusal(self, project: SpendingLimit | None = None, organization: SpendingLimit | None = None) -> DomicileError:
        with pytest.raises(DomicileError) as caught:
            self.reserve(project, organization)
        return caught.value


def admission(project: SpendingLimit | None, organization: SpendingLimit | None) -> Admission:
    made = reservation("gpt-4").admission
    caller = replace(
        made.caller,
        project=project_record(spending=project),
        organization=organization_record(spending=organization),
    )
    return replace(made, caller=caller)


def test_months_are_calendar_months_in_utc() -> None:
    assert month_of(0) == 0
    for month in (0, 11, 12, MONTH, MONTH + 1):
        assert month_of(month_start_ms(month)) == month
        assert month == 0 or month_of(month_start_ms(month) - 1) == month - 1


def test_a_project_that_has_reached_its_limit_is_refused_in_openais_words() -> None:
    limited = Limited()
    limited.spend(5 * DOLLAR - 1)
    limited.reserve(limit(5))
    limited.spend(1)
    error = limited.refusal(limit(5))
    assert (error.category, error.code) == (Category.QUOTA_SPENT, "insufficient_quota")
    assert f"project '{PROJECT}' has reached its spending limit of $5.00 for this month" in error.message
    assert "raise the limit, or wait until 2027-02-01" in error.message
    rendered = render(error)
    assert rendered.status == 429
    assert b'"type":"insufficient_quota"' in rendered.body
    headers = dict(rendered.headers)
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers


def test_an_organizations_limit_counts_all_its_projects_and_other_regions() -> None:
    limited = Limited()
    limited.spend(2 * DOLLAR)
    limited.spend(2 * DOLLAR, project="proj_" + "2" * 24)
    limited.reserve(limit(3), limit(5))
    limited.reserve(limit(3), limit(5, elsewhere=0))
    assert f"organization '{ORGANIZATION}'" in limited.refusal(limit(3), limit(5, elsewhere=1)).message
    assert limited.refusal(organization=limit(4)).code == "insufficient_quota"
    assert limited.refusal(organization=limit(4, elsewhere=9)).code == "insufficient_quota"


def test_what_was_spent_elsewhere_in_an_earlier_month_is_over() -> None:
    limited = Limited()
    limited.reserve(organization=limit(1, elsewhere=9, month=MONTH - 1))
    limited.refusal(organization=limit(1, elsewhere=9))


def test_a_new_month_begins_with_nothing() -> None:
    limited = Limited()
    limited.spend(5 * DOLLAR)
    limited.refusal(limit(5))
    limited.clock.ms = month_start_ms(MONTH + 1) - 1
    limited.refusal(limit(5))
    limited.clock.ms += 1
    limited.reserve(limit(5))
    # A request of the last month that ends now.
    limited.spend(5 * DOLLAR, at_ms=limited.clock.ms - 1)
    limited.reserve(limit(5))


def test_without_a_limit_nothing_is_refused_and_while_nothing_is_known_only_the_limited_wait() -> None:
    limited = Limited()
    limited.spent.forget()
    limited.reserve()
    assert limited.refusal(limit(5)).category is Category.UNAVAILABLE
    limited.spent.is_known = True
    limited.reserve(limit(5))
    limited.gate.require(admission(limit(5), None).caller)
    limited.spend(9 * DOLLAR)
    limited.reserve()
    with pytest.raises(DomicileError):
        limited.gate.require(admission(limit(5), None).caller)
