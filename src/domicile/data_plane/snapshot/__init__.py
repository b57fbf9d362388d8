"""Snapshots of the control plane's data: fetched, verified, saved and put into force (design 2)."""
