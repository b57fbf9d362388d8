"""Composition root of a region: a builder for each part, called by the process and by tests."""
