"""The tables of Scale Tier: what is sold to projects, and what came of it."""

from sqlalchemy import BigInteger, Column, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Table

from domicile.control_plane.database.metadata import metadata

entitlement = Table(
    "entitlement",
    metadata,
    # Scale Tier units that the operator has sold to a project. A row never changes, except that it may end earlier.
    Column("id", String, primary_key=True),
    Column("organization_id", String, nullable=False),
    Column("project_id", String, nullable=False),
    # A JSON array. One model, as long as none is sold for several.
    Column("models", String, nullable=False),
    Column("input_units", BigInteger, nullable=False),
    Column("output_units", BigInteger, nullable=False),
    # Of all units together.
    Column("input_tokens_per_minute", BigInteger, nullable=False),
    Column("output_tokens_per_minute", BigInteger, nullable=False),
    # For a unit and day, in nanodollars.
    Column("input_unit_price", BigInteger, nullable=False),
    Column("output_unit_price", BigInteger, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("cancelled_at_ms", BigInteger),
    ForeignKeyConstraint(("project_id", "organization_id"), ("project.id", "project.organization_id")),
    Index(None, "organization_id", "created_at_ms", "id"),
    Index(None, "project_id", "until_ms"),
)

service_level_minute = Table(
    "service_level_minute",
    metadata,
    # What came of an entitlement's requests, as its region reported. Reports add to a row and never overwrite it.
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("entitlement_id", String, ForeignKey("entitlement.id"), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("streamed_tokens", BigInteger, nullable=False),
    Column("streaming_milliseconds", BigInteger, nullable=False),
)

first_token_minute = Table(
    "first_token_minute",
    metadata,
    # Streamed answers by the bucket of their time to the first token (`boundary.service_levels`).
    Column("organization_id", String, ForeignKey("organization.id"), nullable=False),
    Column("entitlement_id", String, ForeignKey("entitlement.id"), primary_key=True),
    Column("minute", BigInteger, primary_key=True),
    Column("bucket", Integer, primary_key=True, autoincrement=False),
    Column("answers", BigInteger, nullable=False),
)
