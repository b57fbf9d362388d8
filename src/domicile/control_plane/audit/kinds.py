"""The kinds of events, and their types in OpenAI's specification, from which clients are generated.

The specification closes two sets: the types of events, and the kinds of actors (`session`, `api_key`; null for all
others). An organization's log uses these only. An event without a type of its own is shown under the nearest type, with our
kind in the member `domicile`, which the specification leaves open. The operator's log holds our own kinds.
"""

from collections.abc import Collection, Mapping

from domicile.control_plane.audit.event_types import TENANT_TYPES, TYPES
from domicile.kernel import errors

SHOWN_AS: Mapping[str, str] = {
    "organization.created": "organization.updated",
    "organization.updated": "organization.updated",
    "project.created": "project.created",
    "project.updated": "project.updated",
    "project.archived": "project.archived",
    "project.destruction_requested": "project.updated",
    "project.destruction_cancelled": "project.updated",
    "region.project_destroyed": "project.deleted",
    "service_account.created": "service_account.created",
    "service_account.updated": "service_account.updated",
    "service_account.deleted": "service_account.deleted",
    "rate_limit.updated": "rate_limit.updated",
    "project.model_permissions_updated": "project.updated",
    "ip_allowlist.updated": "ip_allowlist.updated",
    "ip_allowlist.deleted": "ip_allowlist.deleted",
    "service_tier_settings.updated": "project.updated",
    "entitlement.sold": "project.updated",
    "entitlement.ended": "project.updated",
    "external_key.registered": "external_key.registered",
    "external_key.check_requested": "organization.updated",
    "external_key.removed": "external_key.removed",
    "region.external_key_checked": "organization.updated",
    "external_storage.registered": "project.updated",
    "external_storage.check_requested": "project.updated",
    "external_storage.removed": "project.updated",
    "region.external_storage_checked": "project.updated",
    "spend_limit.updated": "organization.updated",
    "spend_limit.deleted": "organization.updated",
    "spend_alert.created": "organization.updated",
    "spend_alert.updated": "organization.updated",
    "spend_alert.deleted": "organization.updated",
    "spend_alert.reached": "organization.updated",
    "api_key.created": "api_key.created",
    "api_key.updated": "api_key.updated",
    "api_key.deleted": "api_key.deleted",
}
"""Each kind of event that an organization sees, and the specification's type for it."""

OPERATOR_KINDS = frozenset(
    {
        "installation.created",
        "installation.epoch_declared",
        "installation.publisher_key_rotated",
        "installation.root_key_rotated",
        "region.countries_reduced",
        "region.enrolled",
        "region.enrollment_token.created",
        "region.enrollment_token.updated",
        "region.metering_gap",
        "region.root_key_taken",
        "region.snapshot_refused",
        "region.started",
        "region.stopped",
    }
)
"""Kinds of events that concern no organization."""

KINDS = OPERATOR_KINDS | frozenset(SHOWN_AS)


def kinds_of_types(types: Collection[str], *, tenant_only: bool) -> set[str]:
    """Our kinds behind the specification's types that a filter names. Raises 400 for an unknown type."""
    _require_known(types, TENANT_TYPES if tenant_only else TYPES | TENANT_TYPES)
    return {kind for kind, shown in SHOWN_AS.items() if shown in types}


def known_kinds(kinds: Collection[str]) -> set[str]:
    """The kinds that the operator's filter names. Raises 400 for an unknown kind."""
    _require_known(kinds, KINDS)
    return set(kinds)


def _require_known(names: Collection[str], known: frozenset[str]) -> None:
    if not known.issuperset(names):
        raise errors.invalid_value(
            "'event_types' names an unknown type of event. Send types such as project.created.", "event_types"
        )
