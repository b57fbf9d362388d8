"""Agreements: what the operator has recorded of an organization, and what a region requires of it (C01 to C03)."""
