"""The control plane's tables. Each customer row names its organization, and no table holds a secret or content."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from domicile.boundary.outside_services import CheckOutcome
from domicile.control_plane.database.entitlement_tables import entitlement, first_token_minute, service_level_minute
from domicile.control_plane.database.metadata import metadata
from domicile.control_plane.database.spending_tables import price, spend_alert, spend_limit, spending, webhook_delivery

__all__ = [
    "entitlement",
    "first_token_minute",
    "metadata",
    "price",
    "service_level_minute",
    "spend_alert",
    "spend_limit",
    "spending",
    "webhook_delivery",
]

_RETENTION = (
    "'modified_abuse_monitoring', 'zero_data_retention', "
    "'enhanced_modified_abuse_monitoring', 'enhanced_zero_data_retention'"
)

_OUTCOMES = ", ".join(f"'{outcome}'" for outcome in CheckOutcome)


def _check_columns() -> tuple[Column[Any], ...]:
    """The last check of an outside service that its region was asked for. `outcome` is absent until the region reports it."""
    return (
        Column("check_number", BigInteger, nullable=False),
        Column("outcome", String),
        Column("checked_at_ms", BigInteger),
    )


installation = Table(
    "installation",
    metadata,
    # One row: its presence says that the first start has been completed.
    Column("single", Integer, primary_key=True, autoincrement=False),
    Column("installation_id", String, nullable=False),
    Column("first_organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("single = 1", name="single"),
)

organization = Table(
    "organization",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("retention", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint(f"retention IN ({_RETENTION})", name="retention"),
)

agreement = Table(
    "agreement",
    metadata,
    Column("organization_id", String, ForeignKey("organization.id"), primary_key=True),
    Column("enterprise_agreement", Boolean, nullable=False),
    Column("zdr_eligible", Boolean, nullable=False),
    # Paths of endpoints, a JSON array.
    Column("zdr_endpoints", String, nullable=False),
    Column("enhanced_zdr", Boolean, nullable=False),
)

region = Table(
    "region",
    metadata,
    # Only enrolled regions, for ever (design 6).
    Column("code", String, primary_key=True),
    Column("residency", String, nullable=False, unique=True),
    # A JSON array, which may only shrink.
    Column("countries", String, nullable=False),
    Column("public_key", LargeBinary, nullable=False, unique=True),
    Column("enrolled_at_ms", BigInteger, nullable=False),
    CheckConstraint("length(public_key) = 32", name="public_key"),
)

enrollment_token = Table(
    "enrollment_token",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("region", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("used_at_ms", BigInteger),
    CheckConstraint("length(sha256) = 32", name="sha256"),
)

root_key_taken = Table(
    "root_key_taken",
    metadata,
    # The newest root key that an enrolled region reports as trusted. Older regions report none and have no row.
    Column("region", String, ForeignKey("region.code"), primary_key=True),
    Column("key_id", String, nullable=False),
    Column("taken_at_ms", BigInteger, nullable=False),
)

publication = Table(
    "publication",
    metadata,
    # The last snapshot signed for a region, so that numbers grow across restarts.
    Column("region", String, primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
)

external_key = Table(
    "external_key",
    metadata,
    # A customer's key in a key management service, for one region. Never a secret: the region's account is let in by the key.
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("region", String, ForeignKey("region.code"), nullable=False),
    Column("kms_arn", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    *_check_columns(),
    # A removed key stays as a row: destroyed projects name it, and it is a cursor for clients that page through the list.
    Column("deleted_at_ms", BigInteger),
    UniqueConstraint("id", "organization_id", "region"),
    CheckConstraint(f"outcome IN ({_OUTCOMES})", name="outcome"),
    Index(None, "organization_id", "created_at_ms", "id"),
    Index(None, "region"),
)

project = Table(
    "project",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("region", String, ForeignKey("region.code"), nullable=False),
    Column("retention", String, nullable=False),
    Column("status", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("archived_at_ms", BigInteger),
    # The key of the organization's own, in the same region, that wraps the project's key.
    Column("external_key_id", String),
    # Limits of its own, a JSON array of `boundary.rate_limits.ProjectRateLimit`.
    Column("rate_limits", String, nullable=False, server_default="[]"),
    # A JSON object (`boundary.permissions.ModelPermissions`). Absent where all models may be used.
    Column("model_permissions", String),
    # Networks from which its keys may be used, a JSON array. Empty: all.
    Column("networks", String, nullable=False, server_default="[]"),
    # What `service_tier: auto` means: `scale` uses entitlements.
    Column("auto_tier", String, nullable=False, server_default="scale"),
    UniqueConstraint("id", "organization_id"),
    ForeignKeyConstraint(
        ("external_key_id", "organization_id", "region"),
        ("external_key.id", "external_key.organization_id", "external_key.region"),
    ),
    CheckConstraint(f"retention IN ({_RETENTION}, 'organization_default', 'none')", name="retention"),
    CheckConstraint("status IN ('active', 'archived')", name="status"),
    CheckConstraint("auto_tier IN ('default', 'scale')", name="auto_tier"),
    CheckConstraint("(status = 'archived') = (archived_at_ms IS NOT NULL)", name="archived_at"),
    Index(None, "organization_id", "created_at_ms", "id"),
    Index(None, "region", "status"),
    Index(None, "external_key_id"),
)

external_storage = Table(
    "external_storage",
    metadata,
    # A customer's own bucket for one project. Never a secret.
    Column("id", String, primary_key=True),
    Column("organization_id", String, nullable=False),
    # One for a project, for ever: only an archived project can lose it, and nothing can be made in an archived project.
    Column("project_id", String, nullable=False, unique=True),
    Column("bucket", String, nullable=False),
    Column("signing_region", String, nullable=False),
    Column("country", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    *_check_columns(),
    Column("deleted_at_ms", BigInteger),
    ForeignKeyConstraint(("project_id", "organization_id"), ("project.id", "project.organization_id")),
    CheckConstraint(f"outcome IN ({_OUTCOMES})", name="outcome"),
    Index(None, "organization_id", "created_at_ms", "id"),
)

destruction = Table(
    "destruction",
    metadata,
    # Projects that the operator has ordered to be destroyed. After the grace period (`grace`) the row is a tombstone for ever.
    Column("project_id", String, ForeignKey("project.id"), primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("requested_at_ms", BigInteger, nullable=False),
    Column("due_at_ms", BigInteger, nullable=False),
    # How much of the grace period has been counted, by a clock that cannot jump (`grace`).
    Column("counted_ms", BigInteger, nullable=False),
    # When the region finished the destruction, as it reported. With this time the row is the deletion record.
    Column("destroyed_at_ms", BigInteger),
    # Numbers of the exports of keys that could still open old backups, as the region reported. A JSON array.
    Column("exports", String, nullable=False),
)

service_account = Table(
    "service_account",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("deleted_at_ms", BigInteger),
    ForeignKeyConstraint(("project_id", "organization_id"), ("project.id", "project.organization_id")),
    UniqueConstraint("id", "project_id", "organization_id"),
    CheckConstraint("role IN ('owner', 'member', 'none')", name="role"),
    Index(None, "project_id", "created_at_ms", "id"),
)

api_key = Table(
    "api_key",
    metadata,
    # A revoked key stays as a row: usage of its last minutes may still be on its way.
    Column("id", String, primary_key=True),
    Column("organization_id", String, nullable=False),
    Column("project_id", String, nullable=False),
    Column("service_account_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("last_four", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    Column("revoked_at_ms", BigInteger),
    # A JSON array of `boundary.permissions.KeyScope`. Absent for a key that may do everything.
    Column("scopes", String),
    # The minute of the last usage that its region has reported.
    Column("last_used_at_ms", BigInteger),
    ForeignKeyConstraint(
        ("service_account_id", "project_id", "organization_id"),
        ("service_account.id", "service_account.project_id", "service_account.organization_id"),
    ),
    CheckConstraint("length(sha256) = 32", name="sha256"),
    CheckConstraint("length(last_four) = 4", name="last_four"),
    Index(None, "project_id", "created_at_ms", "id"),
)

admin_key = Table(
    "admin_key",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("last_four", String, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger),
    # A deleted key stays as a row: it is a cursor for clients that page through the list.
    Column("deleted_at_ms", BigInteger),
    # Exact to the minute.
    Column("last_used_at_ms", BigInteger),
    CheckConstraint("length(sha256) = 32", name="sha256"),
    CheckConstraint("length(last_four) = 4", name="last_four"),
    Index(None, "organization_id", "created_at_ms", "id"),
)

idempotency = Table(
    "idempotency",
    metadata,
    # Caller, path and key of a call, as one hash. No body and no header is stored.
    Column("scope_sha256", LargeBinary, primary_key=True),
    # Absent for the operator's calls.
    Column("organization_id", String, ForeignKey("organization.id")),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("resource_id", String, nullable=False),
    Column("key_id", String),
    Column("created_at_ms", BigInteger, nullable=False),
    CheckConstraint("length(scope_sha256) = 32", name="scope_sha256"),
    CheckConstraint("length(body_sha256) = 32", name="body_sha256"),
    Index(None, "created_at_ms"),
)

audit_event = Table(
    "audit_event",
    metadata,
    # SQLite assigns increasing numbers to an INTEGER only.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    # Absent for events of a region itself, which only the operator reads.
    # The row is written before the change, so the object it names may not exist until the transaction ends.
    Column("organization_id", String, ForeignKey("organization.id", deferrable=True, initially="DEFERRED")),
    Column("project_id", String, ForeignKey("project.id", deferrable=True, initially="DEFERRED")),
    Column("region", String),
    Column("type", String, nullable=False),
    Column("resource_id", String, nullable=False),
    Column("actor_type", String, nullable=False),
    Column("actor_id", String),
    Column("effective_at_ms", BigInteger, nullable=False),
    # A JSON object with the requested values. Never a key's value.
    Column("detail", String, nullable=False),
    CheckConstraint("actor_type IN ('api_key', 'operator', 'region', 'installation')", name="actor_type"),
    Index(None, "organization_id", "sequence"),
    sqlite_autoincrement=True,
)

received_report = Table(
    "received_report",
    metadata,
    # Usage and audit reports are numbered in one sequence per writer, and each number counts once.
    Column("region", String, ForeignKey("region.code"), primary_key=True),
    Column("writer", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("received_at_ms", BigInteger, nullable=False),
)

usage_minute = Table(
    "usage_minute",
    metadata,
    Column("organization_id", String, ForeignKey("organization.id"), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("region", String, ForeignKey("region.code"), primary_key=True),
    Column("project_id", String, ForeignKey("project.id"), primary_key=True),
    Column("key_id", String, ForeignKey("api_key.id"), primary_key=True),
    Column("model", String, primary_key=True),
    # Empty when the base snapshot itself answered, because a primary key takes no NULL.
    Column("fine_tuned_model", String, primary_key=True),
    Column("endpoint", String, primary_key=True),
    Column("tier", String, primary_key=True),
    Column("batch", Boolean, primary_key=True),
    # Empty where no image of a listed size was made.
    Column("image_size", String, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("input_cached_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("output_reasoning_tokens", BigInteger, nullable=False),
    Column("characters", BigInteger, nullable=False),
    Column("audio_milliseconds", BigInteger, nullable=False),
    Column("images", BigInteger, nullable=False),
    CheckConstraint("tier IN ('default', 'scale')", name="tier"),
)
