"""Scale Tier: capacity of a model that the operator sells to a project, and what came of it (contract C19)."""
