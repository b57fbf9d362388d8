"""Retention by OpenAI's names (design 5)."""

from enum import StrEnum


class Retention(StrEnum):
    """What is kept of an organization's or a project's content."""

    MODIFIED_ABUSE_MONITORING = "modified_abuse_monitoring"
    ZERO_DATA_RETENTION = "zero_data_retention"
    ENHANCED_MODIFIED_ABUSE_MONITORING = "enhanced_modified_abuse_monitoring"
    ENHANCED_ZERO_DATA_RETENTION = "enhanced_zero_data_retention"

    @property
    def is_zero(self) -> bool:
        """Whether no content of a ZDR-applicable endpoint may rest anywhere."""
        return self in {Retention.ZERO_DATA_RETENTION, Retention.ENHANCED_ZERO_DATA_RETENTION}

    @property
    def is_enhanced(self) -> bool:
        """Whether image inputs are covered (contract C03)."""
        return self in {Retention.ENHANCED_MODIFIED_ABUSE_MONITORING, Retention.ENHANCED_ZERO_DATA_RETENTION}


class ProjectRetention(StrEnum):
    """What a project may be set to: one of the above, the organization's, or `none`."""

    MODIFIED_ABUSE_MONITORING = "modified_abuse_monitoring"
    ZERO_DATA_RETENTION = "zero_data_retention"
    ENHANCED_MODIFIED_ABUSE_MONITORING = "enhanced_modified_abuse_monitoring"
    ENHANCED_ZERO_DATA_RETENTION = "enhanced_zero_data_retention"
    ORGANIZATION_DEFAULT = "organization_default"
    NONE = "none"


def effective_retention(project: ProjectRetention, organization: Retention) -> Retention:
    """What holds for a project. `none` keeps no abuse log but is no ZDR: `store: true` keeps completions (design 5)."""
    if project is ProjectRetention.ORGANIZATION_DEFAULT:
        return organization
    if project is ProjectRetention.NONE:
        return Retention.MODIFIED_ABUSE_MONITORING
    return Retention(project.value)
