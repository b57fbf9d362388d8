"""Starts, uses and ends the inspector processes, which read recordings."""
