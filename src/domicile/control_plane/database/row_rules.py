"""Rules that the database itself enforces: a project keeps its region, and each organization sees its own rows only.

Only PostgreSQL has row-level security. Its policies read a setting of the transaction: an organization's id, or
`EVERY_ORGANIZATION` for the platform's own work. Without the setting no row is visible.
"""

from collections.abc import Mapping

EVERY_ORGANIZATION = "*"
"""The setting's value for all rows. It cannot be an organization's id: those begin with `org-`."""

OWNED_ROWS: Mapping[str, str] = {
    "organization": "id",
    "agreement": "organization_id",
    "project": "organization_id",
    "service_account": "organization_id",
    "api_key": "organization_id",
    "admin_key": "organization_id",
    "external_key": "organization_id",
    "external_storage": "organization_id",
    "entitlement": "organization_id",
    "idempotency": "organization_id",
    "destruction": "organization_id",
    "audit_event": "organization_id",
    "usage_minute": "organization_id",
    "spending": "organization_id",
    "spend_limit": "organization_id",
    "spend_alert": "organization_id",
    "webhook_delivery": "organization_id",
    "service_level_minute": "organization_id",
    "first_token_minute": "organization_id",
}
"""Tables with rows of organizations, and the column with the organization's id."""

# Contract C10, enforced below the code: a project keeps its region, its organization and its external key for ever.
_PROJECT_STAYS = {
    "sqlite": (
        "CREATE TRIGGER project_stays BEFORE UPDATE OF region, organization_id, external_key_id ON project "
        "WHEN NEW.region IS NOT OLD.region OR NEW.organization_id IS NOT OLD.organization_id "
        "OR NEW.external_key_id IS NOT OLD.external_key_id "
        "BEGIN SELECT RAISE(ABORT, 'a project never changes its region, organization or external key'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION project_stays() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'a project never changes its region, organization or external key' "
        "USING ERRCODE = 'integrity_constraint_violation'; END $$",
        "CREATE TRIGGER project_stays BEFORE UPDATE ON project FOR EACH ROW "
        "WHEN (NEW.region IS DISTINCT FROM OLD.region OR NEW.organization_id IS DISTINCT FROM OLD.organization_id "
        "OR NEW.external_key_id IS DISTINCT FROM OLD.external_key_id) EXECUTE FUNCTION project_stays()",
    ),
}


def statements(dialect: str) -> list[str]:
    """The rules as SQL statements, to run after all tables are created."""
    rules = list(_PROJECT_STAYS[dialect])
    if dialect == "postgresql":
        for table, column in OWNED_ROWS.items():
            rules += row_security(table, column)
    return rules


def row_security(table: str, column: str) -> list[str]:
    """Row-level security of one table. FORCE, because policies otherwise exempt the tables' owner, which is this program."""
    whose = "current_setting('domicile.organization', true)"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY own_rows ON {table} USING ({column} = {whose} OR {whose} = '{EVERY_ORGANIZATION}')",
    ]
