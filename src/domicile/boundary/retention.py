"""Retention by OpenAI's names (design 5)."""

from enum import StrEnum


class Retention(StrEnum):
    """How much content of an organization or a project is kept."""

    MODIFIED_ABUSE_MONITORING = "modified_abuse_monitoring"
    ZERO_DATA_RETENTION = "zero_data_retention"
    ENHANCED_MODIFIED_ABUSE_MONITORING = "enhanced_modified_abuse_monitoring"
    ENHANCED_ZERO_DATA_RETENTION = "enhanced_zero_data_retention"

    @property
    def is_zero(self) -> bool:
        """Whether content of ZDR-applicable endpoints must not be stored anywhere."""
        return self in {Retention.ZERO_DATA_RETENTION, Retention.ENHANCED_ZERO_DATA_RETENTION}

    @property
    def is_enhanced(self) -> bool:
        """Whether image inputs are covered (contract C03)."""
        return self in {Retention.ENHANCED_MODIFIED_ABUSE_MONITORING, Retention.ENHANCED_ZERO_DATA_RETENTION}


class ProjectRetention(StrEnum):
    """The values for a project: those of `Retention`, the organization's, or `none`."""

    MODIFIED_ABUSE_MONITORING = "modified_abuse_monitoring"
    ZERO_DATA_RETENTION = "zero_data_retention"
    ENHANCED_MODIFIED_ABUSE_MONITORING = "enhanced_modified_abuse_monitoring"
    ENHANCED_ZERO_DATA_RETENTION = "enhanced_zero_data_retention"
    ORGANIZATION_DEFAULT = "organization_default"
    NONE = "none"


def effective_retention(project: ProjectRetention, organization: Retention) -> Retention:
    """The retention that applies to a project.

    `none` keeps no abuse log, but is not ZDR: `store: true` keeps completions (design 5).
    """
    if project is ProjectRetention.ORGANIZATION_DEFAULT:
        return organization
    if project is ProjectRetention.NONE:
        return Retention.MODIFIED_ABUSE_MONITORING
    return Retention(project.value)
