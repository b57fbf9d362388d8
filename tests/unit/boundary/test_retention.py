"""Retention: what holds for a project, for every setting of project and organization (design 5)."""

import pytest

from domicile.boundary.retention import ProjectRetention, Retention, effective_retention

ZERO = {Retention.ZERO_DATA_RETENTION, Retention.ENHANCED_ZERO_DATA_RETENTION}
ENHANCED = {Retention.ENHANCED_ZERO_DATA_RETENTION, Retention.ENHANCED_MODIFIED_ABUSE_MONITORING}


@pytest.mark.parametrize("organization", Retention)
def test_a_project_inherits_or_has_its_own(organization: Retention) -> None:
    assert effective_retention(ProjectRetention.ORGANIZATION_DEFAULT, organization) is organization
    for own in Retention:
        assert effective_retention(ProjectRetention(own.value), organization) is own


@pytest.mark.parametrize("organization", Retention)
def test_none_is_no_zero_data_retention(organization: Retention) -> None:
    """`none` keeps no abuse log, but it is not ZDR, whatever the organization has."""
    assert effective_retention(ProjectRetention.NONE, organization) is Retention.MODIFIED_ABUSE_MONITORING


@pytest.mark.contract("C02")
@pytest.mark.parametrize("retention", Retention)
def test_which_are_zero(retention: Retention) -> None:
    assert retention.is_zero == (retention in ZERO)


@pytest.mark.contract("C03")
@pytest.mark.parametrize("retention", Retention)
def test_which_are_enhanced(retention: Retention) -> None:
    assert retention.is_enhanced == (retention in ENHANCED)


def test_the_names_are_openai_s() -> None:
    assert {value.value for value in Retention} == {
        "modified_abuse_monitoring",
        "zero_data_retention",
        "enhanced_modified_abuse_monitoring",
        "enhanced_zero_data_retention",
    }
    assert {value.value for value in ProjectRetention} == {value.value for value in Retention} | {
        "organization_default",
        "none",
    }
