"""Organizations, agreements, regions, projects, keys, audit and usage."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

RETENTION = (
    "'modified_abuse_monitoring', 'zero_data_retention', "
    "'enhanced_modified_abuse_monitoring', 'enhanced_zero_data_retention'"
)


PROJECT_STAYS = {
    "sqlite": (
        "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id ON project "
        "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
        "BEGIN SELECT RAISE(ABORT, 'a project never changes its region or organization'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION project_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a project never changes its region or organization' "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER project_stays BEFORE UPDATE ON project FOR EACH ROW "
        "WHEN (NEW.region IS DISTINCT FROM OLD.region OR NEW.organization_id IS DISTINCT FROM OLD.organization_id) "
        "EXECUTE FUNCTION project_stays()",
    ),
}


def upgrade() -> None:
    _organizations()
    _regions()
    _projects()
    _keys()
    _audit()
    _usage()
    if op.get_bind().dialect.name == "postgresql":
        _row_security()


def _organizations() -> None:
    op.create_table(
        "organization",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("retention", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            f"retention IN ({RETENTION})",
            name=op.f("ck_organization_retention"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_organization"),
    )
    op.create_table(
        "agreement",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("enterprise_agreement", sa.Boolean(), nullable=False),
        sa.Column("zdr_eligible", sa.Boolean(), nullable=False),
        sa.Column("zdr_endpoints", sa.String(), nullable=False),
        sa.Column("enhanced_zdr", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_agreement_organization_id"),
        sa.PrimaryKeyConstraint("organization_id", name="pk_agreement"),
    )
    op.create_table(
        "admin_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(last_four) = 4", name=op.f("ck_admin_key_last_four")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_admin_key_sha256")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_admin_key_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_admin_key"),
        sa.UniqueConstraint("sha256", name="uq_admin_key_sha256"),
    )
    op.create_index(
        "ix_admin_key_organization_id_created_at_ms_id",
        "admin_key",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )
    op.create_table(
        "installation",
        sa.Column("single", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("installation_id", sa.String(), nullable=False),
        sa.Column("first_organization_id", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("single = 1", name=op.f("ck_installation_single")),
        sa.ForeignKeyConstraint(
            ["first_organization_id"], ["organization.id"], name="fk_installation_first_organization_id"
        ),
        sa.PrimaryKeyConstraint("single", name="pk_installation"),
    )


def _regions() -> None:
    op.create_table(
        "region",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("residency", sa.String(), nullable=False),
        sa.Column("countries", sa.String(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("enrolled_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("length(public_key) = 32", name=op.f("ck_region_public_key")),
        sa.PrimaryKeyConstraint("code", name="pk_region"),
        sa.UniqueConstraint("public_key", name="uq_region_public_key"),
        sa.UniqueConstraint("residency", name="uq_region_residency"),
    )
    op.create_table(
        "enrollment_token",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("used_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_enrollment_token_sha256")),
        sa.PrimaryKeyConstraint("sha256", name="pk_enrollment_token"),
    )
    op.create_table(
        "publication",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("region", name="pk_publication"),
    )
    op.create_table(
        "received_report",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_received_report_region"),
        sa.PrimaryKeyConstraint("region", "writer", "number", name="pk_received_report"),
    )


def _projects() -> None:
    op.create_table(
        "project",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("retention", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("archived_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(status = 'archived') = (archived_at_ms IS NOT NULL)", name=op.f("ck_project_archived_at")),
        sa.CheckConstraint(
            f"retention IN ({RETENTION}, 'organization_default', 'none')",
            name=op.f("ck_project_retention"),
        ),
        sa.CheckConstraint("status IN ('active', 'archived')", name=op.f("ck_project_status")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_project_organization_id"),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_project_region"),
        sa.PrimaryKeyConstraint("id", name="pk_project"),
        sa.UniqueConstraint("id", "organization_id", name="uq_project_id_organization_id"),
    )
    op.create_index(
        "ix_project_organization_id_created_at_ms_id",
        "project",
        ["organization_id", "created_at_ms", "id"],
        unique=False,
    )
    op.create_index("ix_project_region_status", "project", ["region", "status"], unique=False)
    # Contract C10: a project keeps its region and its organization for ever.
    for statement in PROJECT_STAYS[op.get_bind().dialect.name]:
        op.execute(statement)
    op.create_table(
        "service_account",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('owner', 'member', 'none')", name=op.f("ck_service_account_role")),
        sa.ForeignKeyConstraint(
            ["project_id", "organization_id"],
            ["project.id", "project.organization_id"],
            name="fk_service_account_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_service_account"),
        sa.UniqueConstraint(
            "id", "project_id", "organization_id", name="uq_service_account_id_project_id_organization_id"
        ),
    )
    op.create_index(
        "ix_service_account_project_id_created_at_ms_id",
        "service_account",
        ["project_id", "created_at_ms", "id"],
        unique=False,
    )


def _keys() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("service_account_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.String(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("length(last_four) = 4", name=op.f("ck_api_key_last_four")),
        sa.CheckConstraint("length(sha256) = 32", name=op.f("ck_api_key_sha256")),
        sa.ForeignKeyConstraint(
            ["service_account_id", "project_id", "organization_id"],
            ["service_account.id", "service_account.project_id", "service_account.organization_id"],
            name="fk_api_key_service_account_id_project_id_organization_id",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("sha256", name="uq_api_key_sha256"),
    )
    op.create_index(
        "ix_api_key_project_id_created_at_ms_id", "api_key", ["project_id", "created_at_ms", "id"], unique=False
    )


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("organization_id", sa.String(), nullable=True),
        sa.Column("project_id", sa.String(), nullable=True),
        sa.Column("region", sa.String(), nullable=True),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("actor_type", sa.String(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=True),
        sa.Column("effective_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.CheckConstraint(
            "actor_type IN ('api_key', 'operator', 'region', 'installation')", name=op.f("ck_audit_event_actor_type")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"],
            ["organization.id"],
            name="fk_audit_event_organization_id",
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name="fk_audit_event_project_id", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("sequence", name="pk_audit_event"),
        sa.UniqueConstraint("id", name="uq_audit_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_audit_event_organization_id_sequence", "audit_event", ["organization_id", "sequence"], unique=False
    )


def _usage() -> None:
    op.create_table(
        "usage_minute",
        sa.Column("organization_id", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("project_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("fine_tuned_model", sa.String(), nullable=False),
        sa.Column("endpoint", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("batch", sa.Boolean(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("input_cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("tier IN ('default', 'scale')", name=op.f("ck_usage_minute_tier")),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_usage_minute_key_id"),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_usage_minute_organization_id"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name="fk_usage_minute_project_id"),
        sa.ForeignKeyConstraint(["region"], ["region.code"], name="fk_usage_minute_region"),
        sa.PrimaryKeyConstraint(
            "organization_id",
            "minute",
            "region",
            "project_id",
            "key_id",
            "model",
            "fine_tuned_model",
            "endpoint",
            "tier",
            "batch",
            name="pk_usage_minute",
        ),
    )


def _row_security() -> None:
    """A setting of the transaction names the organization whose rows it sees. '*': all rows. Without it: no rows."""
    whose = "current_setting('domicile.organization', true)"
    tables = ("agreement", "project", "service_account", "api_key", "admin_key", "audit_event", "usage_minute")
    for table, column in (("organization", "id"), *((table, "organization_id") for table in tables)):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} USING ({column} = {whose} OR {whose} = '*')")
