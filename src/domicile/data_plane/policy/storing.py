"""Caller -> StorageAdmission, or one clear error: whether a project may store content here. Synchronous, no I/O.

Zero Data Retention closes none of these endpoints: they store by nature, in the region (design 5, C06). Reading and deleting
one's own content needs no admission, so that both stay possible when an agreement is withdrawn.
"""

from dataclasses import dataclass

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.data_plane.policy.retention import check_agreement


@dataclass(frozen=True, slots=True)
class StorageAdmission:
    """A caller who may store content in this region. Made only here."""

    caller: Caller

    @property
    def project_id(self) -> str:
        """The project that the content belongs to."""
        return self.caller.project.project_id


def admit_storing(policy: ResidencyPolicy, caller: Caller, endpoint: Endpoint) -> StorageAdmission:
    """Whether the endpoint may store content of this caller. Raises `DomicileError` 400 and 403."""
    if not policy.catalogue.eligible_models(endpoint, policy.rows):
        raise region_errors.endpoint_not_eligible(endpoint, policy.region)
    check_agreement(policy, caller)
    return StorageAdmission(caller)
