"""Retention: what is kept of an organization's and a project's content, and who may set it (design 5)."""
