"""The retention rules of region and project, checked before anything runs (design 5, contract C01 to C03)."""

from domicile.catalogue.endpoints import Endpoint
from domicile.data_plane import region_errors
from domicile.data_plane.policy.caller import Caller
from domicile.data_plane.policy.residency import ResidencyPolicy
from domicile.kernel import errors


def check_store(policy: ResidencyPolicy, caller: Caller, store: object) -> None:
    """Raises 400 for `store: true`. If several reasons apply, names the region's, then the project's."""
    if store is not True:
        return
    if not policy.allows_storing:
        raise region_errors.store_not_allowed(f"region '{policy.region}' keeps no completions.")
    if caller.retention.is_zero:
        raise region_errors.store_not_allowed("your project has Zero Data Retention.")
    raise errors.unsupported_parameter("store", "Stored completions are not served yet.")


def check_agreement(policy: ResidencyPolicy, caller: Caller) -> None:
    """Raises 403 when the region requires an agreement, or eligibility for ZDR, that the organization lacks (C01)."""
    lacks_agreement = policy.requires_enterprise and not caller.organization.enterprise_agreement
    lacks_eligibility = policy.requires_zdr and not caller.organization.zdr_eligible
    if lacks_agreement and lacks_eligibility:
        raise errors.agreement_and_zdr_required(policy.region)
    if lacks_agreement:
        raise errors.enterprise_agreement_required(policy.region)
    if lacks_eligibility:
        raise errors.zdr_eligibility_required(policy.region)


def check_zdr(policy: ResidencyPolicy, caller: Caller, endpoint: Endpoint) -> None:
    """Raises 403 if the region requires ZDR for the endpoint, unless it is approved and set for the project (C02)."""
    if not (policy.requires_zdr and endpoint.is_zdr_applicable):
        return
    if endpoint not in caller.organization.zdr_endpoints or not caller.retention.is_zero:
        raise region_errors.zdr_required(endpoint, policy.region)


def check_enhanced_zdr(
    policy: ResidencyPolicy, caller: Caller, first_image: str | None, *, endpoint: Endpoint, snapshot: str
) -> None:
    """Raises 400 for an image if the region requires ZDR, unless enhanced ZDR is approved and set (C03).

    The error also says if no engine accepts images for the model, since the approval alone would not help then.
    """
    if first_image is None or not policy.requires_zdr:
        return
    if not (caller.organization.enhanced_zdr and caller.retention.is_enhanced):
        is_readable = policy.reads_images(endpoint, snapshot)
        raise region_errors.enhanced_zdr_required(first_image, policy.region, is_readable=is_readable)
