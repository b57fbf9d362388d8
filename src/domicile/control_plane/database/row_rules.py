"""What the database itself sees to, whatever the code says: a project stays where it is, and rows stay with their organization.

Row-level security is PostgreSQL's alone. Its policies read a setting that each transaction makes for itself: an organization's
id, or `EVERY_ORGANIZATION` for the platform's own work. Without the setting there is nothing to see.
"""

from collections.abc import Mapping

EVERY_ORGANIZATION = "*"
"""No organization's id: those begin with `org-`."""

OWNED_ROWS: Mapping[str, str] = {
    "organization": "id",
    "agreement": "organization_id",
    "project": "organization_id",
    "service_account": "organization_id",
    "api_key": "organization_id",
    "admin_key": "organization_id",
    "idempotency": "organization_id",
    "destruction": "organization_id",
    "audit_event": "organization_id",
    "usage_minute": "organization_id",
}
"""Tables with rows of organizations, and the column that says whose."""

# Contract C10, and no code of ours has a say in it: a project never changes its region, nor its organization.
_PROJECT_STAYS = {
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


def statements(dialect: str) -> list[str]:
    """The rules as SQL, once all tables are there."""
    rules = list(_PROJECT_STAYS[dialect])
    if dialect == "postgresql":
        for table, column in OWNED_ROWS.items():
            rules += row_security(table, column)
    return rules


def row_security(table: str, column: str) -> list[str]:
    """FORCE: the program is the tables' owner, and an owner is not held to policies otherwise."""
    whose = "current_setting('domicile.organization', true)"
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY own_rows ON {table} USING ({column} = {whose} OR {whose} = '{EVERY_ORGANIZATION}')",
    ]
