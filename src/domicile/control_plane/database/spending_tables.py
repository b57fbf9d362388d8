"""The tables of money: prices, what was spent, limits and alerts. `tables` names them beside all others."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Table,
)

from domicile.control_plane.database.metadata import metadata

price = Table(
    "price",
    metadata,
    # Every version of a price that has been in force here. Its past is compared with the price list at each start.
    Column("model", String, primary_key=True),
    # Days since 1970-01-01, UTC.
    Column("valid_from", BigInteger, primary_key=True, autoincrement=False),
    # A JSON object of `catalogue.prices.ModelPrice`.
    Column("terms", String, nullable=False),
)

spending = Table(
    "spending",
    metadata,
    # What a project has spent in a calendar month (UTC, counted from January 1970), as its region has reported: the cost of its
    # rows of `usage_minute`, added when they are. A sum over a month of minutes would be too slow for limits and alerts.
    Column("organization_id", String, ForeignKey("organization.id"), primary_key=True),
    Column("month", BigInteger, primary_key=True, autoincrement=False),
    Column("region", String, ForeignKey("region.code"), primary_key=True),
    Column("project_id", String, ForeignKey("project.id"), primary_key=True),
    Column("nanodollars", BigInteger, nullable=False),
    # Beside the nanodollars, and less than one of them, so that sums of many small amounts are exact.
    Column("femtodollars", BigInteger, nullable=False),
)

spend_limit = Table(
    "spend_limit",
    metadata,
    # A hard limit of an organization, or of one of its projects, in each month.
    Column("owner_id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    # Absent for the organization's own.
    Column("project_id", String),
    Column("cents", BigInteger, nullable=False),
    ForeignKeyConstraint(("project_id", "organization_id"), ("project.id", "project.organization_id")),
    CheckConstraint("owner_id = COALESCE(project_id, organization_id)", name="owner_id"),
    CheckConstraint("cents > 0", name="cents"),
    Index(None, "organization_id"),
)

spend_alert = Table(
    "spend_alert",
    metadata,
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    # Absent for the organization's own.
    Column("project_id", String),
    Column("cents", BigInteger, nullable=False),
    # A JSON array of mail addresses, and a text: kept and shown. No mail is sent.
    Column("recipients", String, nullable=False),
    Column("subject_prefix", String),
    Column("created_at_ms", BigInteger, nullable=False),
    # A deleted alert stays as a row: it is a cursor for clients that page through the list.
    Column("deleted_at_ms", BigInteger),
    # The last month in which spending reached it. An alert fires once in a month.
    Column("reached_month", BigInteger),
    ForeignKeyConstraint(("project_id", "organization_id"), ("project.id", "project.organization_id")),
    CheckConstraint("cents >= 0", name="cents"),
    Index(None, "organization_id", "created_at_ms", "id"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    # Alerts on their way to the operator's webhook. Deleted when it has taken them.
    Column("id", String, primary_key=True),
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("alert_id", String, ForeignKey("spend_alert.id"), nullable=False),
    Column("month", BigInteger, nullable=False),
    Column("nanodollars", BigInteger, nullable=False),
    Column("reached_at_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at_ms", BigInteger, nullable=False),
    Index(None, "next_at_ms"),
)
