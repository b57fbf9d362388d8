"""Regions: how each became known, what it may fetch, and when it was last heard."""
