"""Retention: how much content of an organization or a project is kept, and who may set it (design 5)."""
