"""Agreements that the operator has recorded for an organization, and those that a region requires (C01 to C03)."""
